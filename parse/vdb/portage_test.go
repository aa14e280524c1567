package vdb_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"emaudit/internal/portagetest"
	"emaudit/parse/vdb"
)

// askPortage reads every package of the database in the root given as argument
// with Portage's own vartree, and prints what it takes each key for.
const askPortage = `
import json, sys, warnings
warnings.simplefilter("ignore")
import portage
portage._internal_caller = True
settings = portage.config(config_root=sys.argv[1], target_root=sys.argv[1], env={})
db = portage.vartree(settings=settings).dbapi
keys = sys.argv[2:]
answer = {}
for cpv in db.cpv_all():
    try:
        answer[str(cpv)] = dict(zip(keys, db.aux_get(cpv, keys)))
    except Exception as e:
        answer[str(cpv)] = {"error": repr(e)}
json.dump(answer, sys.stdout)
`

// comparedKeys are those that emaudit takes over as Portage has them.
var comparedKeys = []string{"EAPI", "USE", "IUSE", "KEYWORDS", "LICENSE", "RDEPEND", "PDEPEND", "REQUIRES", "PROVIDES", "CHOST", "repository", "DESCRIPTION", "RESTRICT"}

// TestDamagedPackagesAreWhatPortageTakesThemFor makes up packages whose keys are
// missing, empty, torn, of odd blanks and bytes, and whose file metadata agrees
// with them, does not, or is damaged.
func TestDamagedPackagesAreWhatPortageTakesThemFor(t *testing.T) {
	t.Parallel()
	portagetest.Checkout(t)
	root := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	const packages = 250
	for i := range packages {
		makePackage(t, random, filepath.Join(root, "var/db/pkg/app-misc", fmt.Sprintf("p%d-1", i)))
	}
	var answers map[string]map[string]string
	portagetest.Ask(t, &answers, askPortage, append([]string{root}, comparedKeys...)...)
	if len(answers) != packages {
		t.Errorf("portage sees %d of %d packages", len(answers), packages)
	}
	stale := 0
	for cpv, want := range answers {
		category, pf, _ := strings.Cut(cpv, "/")
		p, diags, err := vdb.ReadPackage(category, pf, openDir(t, filepath.Join(root, "var/db/pkg"), category, pf), everything)
		if err != nil {
			t.Fatal(err)
		}
		if p.StaleValues {
			stale++ // Portage sees nothing of these; emaudit says so
			continue
		}
		if text, died := want["error"]; died {
			if len(diags) == 0 {
				t.Errorf("%s: portage dies of %s; emaudit finds nothing wrong with it", cpv, text)
			}
			continue
		}
		got := map[string]string{
			"EAPI": p.EAPI, "USE": p.USE, "IUSE": p.IUSE, "KEYWORDS": p.Keywords, "LICENSE": p.License, "RDEPEND": p.RDepend, "PDEPEND": p.PDepend,
			"REQUIRES": p.Requires, "PROVIDES": p.Provides, "CHOST": p.CHOST, "repository": p.Repo, "DESCRIPTION": p.Description, "RESTRICT": p.Restrict,
		}
		for _, key := range comparedKeys {
			if got[key] != want[key] && (len(diags) == 0 || !strings.Contains(want[key], "\ufffd")) {
				t.Errorf("%s: %s: got %q, Portage says %q (metadata %s, %v)", cpv, key, got[key], want[key], p.Metadata, diags)
			}
		}
	}
	if stale > packages/4 {
		t.Errorf("%d of %d packages are not compared", stale, packages)
	}
}

// makePackage makes up the directory of a package.
func makePackage(t *testing.T, random *rand.Rand, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	values := map[string]string{"SLOT": "0\n", "COUNTER": "7\n", "BUILD_TIME": "1700000000\n"}
	for _, key := range comparedKeys {
		switch random.IntN(6) {
		case 0: // no such key
		case 1:
			values[key] = ""
		default:
			values[key] = oddValue(random)
		}
	}
	for key, value := range values {
		write(key, value)
	}
	form := random.IntN(5)
	if form == 0 {
		return // of an older Portage
	}
	// The file is renamed into place before its stamp is taken.
	write("metadata", "")
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	stamp := info.ModTime().UnixNano()
	var b strings.Builder
	b.WriteString("#format=1\n")
	for key, value := range values {
		if random.IntN(8) > 0 {
			blank := func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
			b.WriteString(key + "=" + strings.Join(strings.FieldsFunc(value, blank), " ") + "\n")
		}
	}
	switch form {
	case 1:
		stamp -= 5 // out of date: the single files count
	case 2:
		b.WriteString("a line without an equals sign\n#comment\n")
	}
	b.WriteString("#dir_mtime=" + strconv.FormatInt(stamp, 10) + "\n")
	text := b.String()
	if form == 3 {
		text = text[:random.IntN(len(text))]
	}
	write("metadata", text) // keeps the directory's mtime
}

// oddValue makes up the content of a key's file.
func oddValue(random *rand.Rand) string {
	words := []string{"ssl", "amd64", "~arm64", ">=dev-libs/a-1:0/2=", "||", "(", ")", "\t", "  ", "\n", "ä", "GPL-2", "x=y", "#z", "\x00", "\v", "\u00a0", "\u2003", "\x1c", "\x85", "\r\n"}
	var b strings.Builder
	for range random.IntN(7) {
		b.WriteString(words[random.IntN(len(words))])
		if random.IntN(2) == 0 {
			b.WriteByte(' ')
		}
	}
	if random.IntN(3) > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}
