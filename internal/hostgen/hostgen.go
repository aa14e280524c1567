// Package hostgen multiplies the recorded host alpha (testdata/hosts) for the
// benchmarks of emaudit, which would otherwise need a machine with years of history.
//
// A copy of alpha has all its packages under numbered names (app-misc/hello_7), its
// files below a folder of its own (/opt/7) and its history after that of the copy
// before. So sizes grow, and everything else is as Portage wrote it: a copy depends on
// packages of the same copy, BINPKGMD5 is the MD5 of the file, and BUILD_TIME lies
// between the lines of the merge. The first copy keeps the names and paths of alpha.
//
// Idle time is shortened: alpha slept for months between its runs.
package hostgen

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"emaudit/internal/hostarchive"
)

// HostOptions are the parameters of [Host].
type HostOptions struct {
	Installed int // number of installed packages, rounded up to whole copies of alpha
	Binpkgs   int // number of binary packages in PKGDIR, if Installed does not need more
	FileSize  int // size of a file that each binary package has in addition, in bytes
}

const (
	vdb         = "var/db/pkg"
	pkgdir      = "var/cache/binpkgs"
	logFile     = "var/log/emerge.log"
	worldFile   = "var/lib/portage/world"
	counterFile = "var/cache/edb/counter"
)

// lists are the files about names of packages. Each copy adds its own lines.
var lists = []string{
	worldFile, "var/db/repos/lab/profiles/updates/3Q-2026", "etc/portage/package.mask",
	"etc/portage/package.accept_keywords/live", "etc/portage/package.accept_keywords/main", "etc/portage/package.use/hello",
}

// alpha is the recorded host, unpacked at root, with what multiplying needs.
type alpha struct {
	root      string
	names     *regexp.Regexp
	log       []line
	installed []string        // folders of the VDB, below root
	binpkgs   []binpkg        // in the order of building
	index     []string        // stanzas of Packages
	covers    map[string]bool // MD5s of binary packages that installed packages came from
}

// A number is what tells a copy from the others.
type number struct {
	suffix, folder string // of names, and of paths
	clock          clock
}

func numbered(i int, c clock) number {
	if i == 0 {
		return number{clock: c}
	}
	return number{"_" + strconv.Itoa(i), "/opt/" + strconv.Itoa(i), c}
}

// Host writes the root directory of a host to dir, which must be absent or empty. A
// host with more binary packages than its installed packages explain had other
// packages, too, which depclean has removed.
func Host(dir string, o HostOptions) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return errors.New("hostgen: " + dir + " is not empty")
	}
	a, err := unpack()
	if err != nil {
		return err
	}
	defer os.RemoveAll(a.root)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, kept := range []string{"etc", "var/db/repos", "var/cache/edb", "var/lib", "var/log/portage"} {
		if err := os.CopyFS(filepath.Join(dir, kept), os.DirFS(filepath.Join(a.root, kept))); err != nil {
			return err
		}
	}
	copies := max(1, (o.Installed+len(a.installed)-1)/len(a.installed))
	all := max(copies, (o.Binpkgs+len(a.binpkgs)-1)/len(a.binpkgs))
	spare := all*len(a.binpkgs) - o.Binpkgs
	out := output{alpha: a, dir: dir, size: o.FileSize, lists: map[string]string{}}
	at := epoch
	for i := range all {
		n := numbered(i, a.clock(at, idlePart))
		at = n.clock.end()
		// Those that nobody needs were pruned, the oldest first.
		removed := 0 < i && i <= all-copies
		here := slices.DeleteFunc(slices.Clone(a.binpkgs), func(b binpkg) bool {
			prune := spare > 0 && (removed || !a.covers[b.md5])
			if prune {
				spare--
			}
			return prune
		})
		if err := out.add(n, here, removed); err != nil {
			return err
		}
	}
	return out.finish(at)
}

// unpack reads alpha, in a temporary folder that the caller removes.
func unpack() (*alpha, error) {
	root, err := os.MkdirTemp("", "emaudit-alpha-")
	if err != nil {
		return nil, err
	}
	archive, err := hostarchive.File("alpha.tar.zst")
	if err == nil {
		err = hostarchive.Unpack(archive, root)
	}
	a := &alpha{root: root, covers: map[string]bool{}}
	if err == nil {
		err = a.read()
	}
	if err != nil {
		os.RemoveAll(root)
		return nil, err
	}
	return a, nil
}

func (a *alpha) read() error {
	index, err := os.ReadFile(filepath.Join(a.root, pkgdir, "Packages"))
	if err != nil {
		return err
	}
	a.index = strings.Split(strings.TrimSpace(string(index)), "\n\n")
	cps := map[string]bool{}
	for _, stanza := range a.index[1:] {
		b := binpkg{path: value(stanza, "PATH"), md5: value(stanza, "MD5"), stanza: stanza}
		b.built, _ = strconv.ParseInt(value(stanza, "BUILD_TIME"), 10, 64) // Portage wrote it
		cps[path.Dir(b.path)] = true
		// The index names files that are gone, and one that is cut off.
		if info, err := os.Stat(filepath.Join(a.root, pkgdir, b.path)); err == nil && strconv.FormatInt(info.Size(), 10) == value(stanza, "SIZE") {
			a.binpkgs = append(a.binpkgs, b)
		}
	}
	slices.SortStableFunc(a.binpkgs, func(x, y binpkg) int { return cmp.Compare(x.built, y.built) })
	folders, err := filepath.Glob(filepath.Join(a.root, vdb, "*/*"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if strings.HasPrefix(filepath.Base(folder), "-MERGING-") {
			continue
		}
		a.installed = append(a.installed, strings.TrimPrefix(folder, a.root+"/"+vdb+"/"))
		sum, _ := os.ReadFile(filepath.Join(folder, "BINPKGMD5")) // not every package has one
		a.covers[strings.TrimSpace(string(sum))] = true
	}
	log, err := os.ReadFile(filepath.Join(a.root, logFile))
	if err != nil {
		return err
	}
	for _, m := range merged.FindAllSubmatch(log, -1) {
		cps[string(m[1])] = true
	}
	a.names = anyOf(cps)
	a.log, err = a.lines(log)
	return err
}

// merged finds category and name in a line of emerge.log that begins a merge.
var merged = regexp.MustCompile(`>>> emerge \(\d+ of \d+\) ([^ ]+?)-\d[^ -]*(?:-r\d+)? to `)

// anyOf matches one of the names, but no longer name that begins with one.
func anyOf(cps map[string]bool) *regexp.Regexp {
	var names []string
	for cp := range cps {
		names = append(names, regexp.QuoteMeta(cp))
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return regexp.MustCompile(`\b(` + strings.Join(names, "|") + `)(-\d|[^-\w+]|$)`)
}

// pieces cuts a text behind each name of a package, where the number goes. In the path
// of a file, the name of the package comes twice.
func (a *alpha) pieces(text string) []string {
	var pieces []string
	last := 0
	for _, m := range a.names.FindAllStringSubmatchIndex(text, -1) {
		cp := text[m[2]:m[3]]
		pieces = append(pieces, text[last:m[3]])
		last = m[3]
		if again := "/" + path.Base(cp) + "-"; strings.HasPrefix(text[last:], again) {
			pieces = append(pieces, again[:len(again)-1])
			last += len(again) - 1
		}
	}
	return append(pieces, text[last:])
}

func (a *alpha) renamed(text string, n number) string { return strings.Join(a.pieces(text), n.suffix) }

// output is a host that is being written.
type output struct {
	*alpha
	dir     string
	size    int
	log     bytes.Buffer
	lists   map[string]string // texts of files
	stanzas []string
	counter int // of merges, by the copies so far
}

// add writes a copy of alpha with some of its binary packages.
func (o *output) add(n number, binpkgs []binpkg, removed bool) error {
	written := make([]binpkg, len(binpkgs))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range binpkgs {
		g.Go(func() (err error) {
			written[i], err = o.repack(b, n)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	sums := map[string]string{}
	for i, b := range written {
		o.stanzas = append(o.stanzas, b.stanza)
		sums[binpkgs[i].md5] = b.md5
	}
	for l := range o.history(n, removed) {
		o.log.WriteString(l)
	}
	for _, list := range lists {
		text, err := os.ReadFile(filepath.Join(o.root, list))
		if err != nil {
			return err
		}
		if list != worldFile || !removed {
			o.lists[list] += o.renamed(string(text), n)
		}
	}
	if removed {
		return nil
	}
	for _, folder := range o.installed {
		g.Go(func() error { return o.install(folder, n, sums, o.counter) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	counter, err := os.ReadFile(filepath.Join(o.root, counterFile))
	if err != nil {
		return err
	}
	own, err := strconv.Atoi(strings.TrimSpace(string(counter)))
	o.counter += own
	return err
}

// finish writes what is about all copies.
func (o *output) finish(at int64) error {
	slices.SortStableFunc(o.stanzas, func(a, b string) int { return strings.Compare(value(a, "CPV"), value(b, "CPV")) })
	head := withValues(o.index[0], map[string]string{"PACKAGES": strconv.Itoa(len(o.stanzas)), "TIMESTAMP": strconv.FormatInt(at, 10)})
	index := strings.Join(append([]string{head}, o.stanzas...), "\n\n") + "\n\n"
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	zw.Write([]byte(index)) // a bytes.Buffer never fails
	zw.Close()
	o.lists[pkgdir+"/Packages"], o.lists[pkgdir+"/Packages.gz"] = index, packed.String()
	o.lists[logFile], o.lists[counterFile] = o.log.String(), strconv.Itoa(o.counter)
	for name, text := range o.lists {
		if err := write(filepath.Join(o.dir, name), text, at*1e9); err != nil {
			return err
		}
	}
	return nil
}

// value returns the value of a key in a stanza of Packages.
func value(stanza, key string) string {
	_, rest, _ := strings.Cut("\n"+stanza, "\n"+key+": ")
	text, _, _ := strings.Cut(rest, "\n")
	return text
}

// withValues replaces values in a stanza that has the keys.
func withValues(stanza string, values map[string]string) string {
	lines := strings.Split(stanza, "\n")
	for i, l := range lines {
		key, _, _ := strings.Cut(l, ": ")
		if v, ok := values[key]; ok {
			lines[i] = key + ": " + v
		}
	}
	return strings.Join(lines, "\n")
}

func write(name, text string, mtimeNS int64) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		return err
	}
	when := time.Unix(0, mtimeNS)
	return os.Chtimes(name, when, when)
}
