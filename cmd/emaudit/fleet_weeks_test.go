package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"emaudit/internal/labtest"
	"emaudit/parse/pkgindex"
)

// labFleet is a binhost with its clients in the lab.
type labFleet struct {
	t           *testing.T
	l           *labtest.Lab
	random      *rand.Rand
	weeks, week int
	prover      *prover
	dir         string // the folder "needs" with the lists of the clients, and the database of the binhost
	clients     []*labClient
	epochs      map[string]int // that the hosts have

	mutex                                           sync.Mutex
	prunes, taken, forOthers, refused, asked, plans int
}

const labBinhost = "fleet-binhost"

// labClient is a host that gets binary packages from the binhost.
type labClient struct {
	name   string
	shared bool   // its PKGDIR is that of the binhost, and it builds packages there
	policy string // of its needs
	silent map[int]bool
	counts *counted // by its last export, nil if it was forgotten
}

// counted is what a client counts on.
type counted struct {
	at       time.Time
	builds   map[binhostBuild]string // that the binhost should have, and why
	verdicts map[int64]judgedOfAll
}

// binhostBuild is a build in the index of the binhost.
type binhostBuild struct {
	cpv  string
	time int64
}

// judgedOfAll is the part of the JSON of rollback --all that the weeks need.
type judgedOfAll struct {
	Target  struct{ Run int64 }
	Verdict string
	Carried int
	Plan    []string
	Changes []judgedChange
}

// labWorld is what all hosts have in @world: packages that compile fast or not at all.
const labWorld = "app-misc/hello app-misc/foo-tool dev-libs/libbaz games-misc/fortune-lab"

// labPackages are those that a random step picks from.
var labPackages = []string{"app-misc/hello", "sys-libs/libfoo", "app-misc/foo-tool", "dev-libs/libbaz", "games-misc/fortune-lab", "app-misc/warny"}

func newLabFleet(t *testing.T, l *labtest.Lab, weeks int, seed uint64) *labFleet {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &labFleet{t: t, l: l, random: rand.New(rand.NewPCG(seed, 17)), weeks: weeks, prover: &prover{program: self}, epochs: map[string]int{}, dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(f.dir, "needs"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.clients = []*labClient{
		{name: "fleet-web"},
		{name: "fleet-desk", shared: true, policy: " --keep-states 1 --keep-days 7"},
		{name: "fleet-lone", policy: " --keep-states 2 --keep-days 14"},
	}
	for _, c := range f.clients {
		c.silent = map[int]bool{}
		for week := 1; week < weeks; week++ {
			c.silent[week] = f.random.IntN(10) == 0 && !c.silent[week-1]
		}
	}
	// Silent for so long that it is forgotten, and back some weeks later.
	for week, away := 3+f.random.IntN(max(1, weeks/2)), 0; away < 4; away++ {
		f.clients[2].silent[week+away] = true
	}
	f.l.T = t
	features := map[string]string{labBinhost: "buildpkg binpkg-multi-instance", "fleet-web": "binpkg-multi-instance", "fleet-desk": "buildpkg binpkg-multi-instance", "fleet-lone": "binpkg-multi-instance"}
	for _, name := range slices.Sorted(maps.Keys(features)) {
		l.Must("new", name, "--force", "--features", features[name])
		t.Cleanup(func() {
			if !t.Failed() { // what failed is looked at
				_, _ = l.Run("remove", name)
			}
		})
	}
	for _, c := range f.clients {
		if !c.shared {
			conf := filepath.Join(l.Root(c.name), "etc/portage/binrepos.conf")
			if err := os.WriteFile(conf, []byte("[ours]\npriority = 10\nsync-uri = file:///srv/binhost\nverify-signature = false\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f
}

// at returns a time of the week: day 0 is Monday.
func (f *labFleet) at(day, hour int) time.Time {
	return time.Date(2026, 3, 2+7*f.week+day, hour, 0, 0, 0, time.UTC)
}

func (f *labFleet) pkgdir() string { return filepath.Join(f.l.Root(labBinhost), "var/cache/binpkgs") }

// options returns the options of the lab for a command on a client.
func (f *labFleet) options(c *labClient) []string {
	place := "/srv/binhost"
	if c.shared {
		place = "/var/cache/binpkgs"
	}
	return []string{"--bind", f.pkgdir() + "=" + place, "--bind", filepath.Join(f.dir, "needs") + "=/mnt/needs", "--bind", f.prover.program + "=/tmp/emaudit"}
}

// run runs a shell script on a host at a time.
func (f *labFleet) run(host string, options []string, at time.Time, script string) (string, error) {
	args := append([]string{"run", host, "--date", at.Format("2006-01-02 15:04")}, options...)
	return f.l.Run(append(args, "EMERGE_DEFAULT_OPTS=--ask=n --color=n", "bash", "-c", "answered() { case $? in 3|4) ;; *) exit 1;; esac; }; "+script)...)
}

// emaudit returns the words that run emaudit in a host, with a clock.
func (f *labFleet) emaudit(host string, at time.Time) string {
	return fmt.Sprintf("EMAUDIT_TEST_NOW=%d /tmp/emaudit --quiet --host %s --db /root/proof.db --format json", at.Unix(), host)
}

// live lets a week pass.
func (f *labFleet) live() {
	f.build()
	life := make([]func(), len(f.clients)) // chosen in one order, lived side by side
	for i, c := range f.clients {
		life[i] = f.choose(c)
	}
	f.each(func(c *labClient) { life[slices.Index(f.clients, c)]() })
	f.each(f.export)
	if f.t.Failed() {
		return
	}
	before := f.index()
	f.prune()
	after := f.index()
	for _, cpv := range slices.Sorted(maps.Keys(f.l.Installed(labBinhost))) {
		b := binhostBuild{cpv, f.l.Installed(labBinhost)[cpv]}
		if before[b] != nil && after[b] == nil {
			f.t.Errorf("%s is installed on the binhost and gone", cpv)
		}
	}
	f.each(func(c *labClient) { f.check(c, before, after) })
}

func (f *labFleet) each(do func(c *labClient)) {
	var wg sync.WaitGroup
	for _, c := range f.clients {
		wg.Go(func() { do(c) })
	}
	wg.Wait()
}

// index returns the builds of the binhost whose files are there.
func (f *labFleet) index() map[binhostBuild]*pkgindex.Entry {
	text, err := os.ReadFile(filepath.Join(f.pkgdir(), "Packages"))
	if err != nil {
		f.t.Fatal(err)
	}
	index, _ := pkgindex.Parse(text)
	all := map[binhostBuild]*pkgindex.Entry{}
	for i := range index.Entries {
		e := &index.Entries[i]
		name := filepath.Join(f.pkgdir(), e.Path)
		info, err := os.Stat(name)
		if err != nil {
			f.t.Errorf("the index of the binhost has %s, which is gone", e.Path)
			continue
		}
		// The lab gives files in a PKGDIR of another host no time of its clock.
		if at := time.Unix(e.MTime, 0); info.ModTime().Sub(at).Abs() > 24*time.Hour {
			if err := os.Chtimes(name, at, at); err != nil {
				f.t.Fatal(err)
			}
		}
		all[binhostBuild{e.CPV, e.BuildTime}] = e
	}
	return all
}

// sync returns the words that bring the ebuilds of the week to a host, "" if it has
// them.
func (f *labFleet) sync(host string) string {
	epoch := min(8, 1+8*f.week/f.weeks)
	if f.epochs[host] == epoch {
		return ""
	}
	f.epochs[host] = epoch
	f.l.Must("epoch", host, fmt.Sprint(epoch))
	return "emerge --quiet --sync && "
}

// build updates the binhost, and at times builds a package anew, with other flags.
func (f *labFleet) build() {
	script := f.sync(labBinhost)
	switch {
	case f.week == 0:
		script += "emerge app-misc/warny " + labWorld
	case script != "":
		script += "emerge --update --deep --newuse @world"
	default:
		script = "true"
	}
	if f.random.IntN(10) < 6 {
		use := []string{"debug", "-nls", "-ssl", ""}[f.random.IntN(4)]
		script += fmt.Sprintf("; USE='%s' emerge --oneshot %s", use, labPackages[f.random.IntN(len(labPackages))])
	}
	out, err := f.run(labBinhost, nil, f.at(0, 8), script)
	if err != nil {
		f.t.Logf("week %d: binhost: %s: %v\n%s", f.week, script, err, labtest.Tail(out))
	}
}

// choose picks what happens on a client in this week.
func (f *labFleet) choose(c *labClient) func() {
	from := "--usepkg"
	if !c.shared {
		from = "--getbinpkg"
	}
	only := from + " --usepkgonly"
	name := labPackages[f.random.IntN(len(labPackages))]
	builds := slices.SortedFunc(maps.Keys(f.index()), func(a, b binhostBuild) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	script, pick := "", f.random.IntN(10)
	if f.week == 0 {
		pick = -1
	}
	random := f.random.IntN(1 << 30)
	switch pick {
	case -1:
		script = f.sync(c.name) + "emerge " + from + " " + labWorld
	case 0, 1, 2, 3:
		what := only + " --update --deep @world"
		if pick == 0 { // what the binhost has with other flags is built here
			what = from + " --update --deep --newuse @world"
		}
		script = f.sync(c.name) + "emerge " + what
	case 4, 5:
		build := builds[random%len(builds)]
		script = fmt.Sprintf("emerge %s --oneshot --nodeps =%s-%d", only, build.cpv, f.index()[build].BuildID)
	case 6:
		script = fmt.Sprintf("echo '%s' > /etc/portage/package.use/hello; emerge %s --update --newuse app-misc/hello",
			[]string{"app-misc/hello debug", "app-misc/hello -nls", "app-misc/hello nls -debug"}[random%3], from)
	case 7:
		script = "if [ -d /var/db/pkg/app-misc/warny-* ]; then emerge --unmerge app-misc/warny; else emerge " + only + " app-misc/warny; fi"
	case 8:
		return func() { f.goBack(c, random) }
	case 9:
		script = fmt.Sprintf("emerge %s --oneshot %s; %s pin week%d || answered", only, name, f.emaudit(c.name, f.at(1, 20)), f.week)
	}
	return func() {
		// Fetched copies do not last.
		if random%3 == 0 {
			script = "find /var/cache/binhost -name '*.gpkg.tar' | sort | tail -n +2 | xargs -r rm; " + script
		}
		out, err := f.run(c.name, f.options(c), f.at(1, 8), script)
		if err != nil {
			f.t.Logf("week %d: %s: %s: %v\n%s", f.week, c.name, script, err, labtest.Tail(out))
		} else {
			f.t.Logf("week %d: %s: %s", f.week, c.name, script)
		}
	}
}

// goBack lets Portage carry out one of the plans that the client counted on.
func (f *labFleet) goBack(c *labClient, random int) {
	if c.counts == nil || c.silent[f.week-1] {
		return
	}
	var runs []int64
	for _, run := range slices.Sorted(maps.Keys(c.counts.verdicts)) {
		if len(c.counts.verdicts[run].Plan) > 0 {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return
	}
	run := runs[random%len(runs)]
	l := *f.l
	answer := f.prover.judge(&l, c.name, run, append(f.options(c), fmt.Sprintf("EMAUDIT_TEST_NOW=%d", f.at(1, 7).Unix()), "EMAUDIT_HOST="+c.name)...)
	if len(answer.Plan) == 0 {
		f.t.Errorf("week %d: %s: the way back before run %d was %s and is %s", f.week, c.name, run, c.counts.verdicts[run].Verdict, answer.Verdict)
		return
	}
	options := append(f.options(c), "--date", f.at(1, 8).Format("2006-01-02 15:04"), "EMERGE_DEFAULT_OPTS=--ask=n")
	proved, explained, _ := carryOut(&l, c.name, answer, options...)
	f.t.Logf("week %d: %s: back before run %d, %s: %s", f.week, c.name, run, answer.Verdict, explained)
	if !proved {
		f.t.Errorf("week %d: %s: the plan fails", f.week, c.name)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.plans++
}
