package rollback

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/audit/transition"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
	"emaudit/parse/vdb"
	"emaudit/store/inventory"
)

// diskOf is a disk that has these files; what lies in the folders hidden, nobody can
// read.
type diskOf struct {
	files  []string
	hidden string
}

func (d diskOf) Lstat(name string) (mode fs.FileMode, mtime int64, found bool) {
	return 0, 0, slices.Contains(d.files, name)
}

func (diskOf) Real(folder string) string { return folder }

func (d diskOf) Names(folder string) (names []string, ok bool) {
	if folder == d.hidden {
		return nil, false
	}
	for _, f := range append([]string{d.hidden}, d.files...) {
		if rest, ok := strings.CutPrefix(f, strings.TrimSuffix(folder, "/")+"/"); ok {
			first, _, _ := strings.Cut(rest, "/")
			names = append(names, first)
		}
	}
	return names, true
}

// TestTheBackupSaysWhatItLoses asks for a plan that replaces a package without a binary
// package of its build, whose files are as the table says.
func TestTheBackupSaysWhatItLoses(t *testing.T) {
	t.Parallel()
	const cpv, config, library = "sys-libs/libfoo-2.0.1", "/etc/foo/foo.conf", "/usr/lib/libfoo.so.2"
	for _, test := range []struct {
		name    string
		disk    diskOf
		changed string
		risk    string // its code
		detail  string // that it has
		packs   bool
		later   bool
	}{
		{name: "as installed", disk: diskOf{files: []string{config, library}}, packs: true},
		{
			name: "changed configuration", disk: diskOf{files: []string{config, library}}, changed: config,
			risk: "config-pristine", detail: config, packs: true, later: true,
		},
		{name: "another changed file", disk: diskOf{files: []string{config, library}}, changed: library, packs: true},
		{
			name: "a missing file", disk: diskOf{files: []string{config, "/usr/lib/other"}}, changed: config,
			risk: "backup-incomplete", detail: library,
		},
		{name: "a missing folder", disk: diskOf{files: []string{library}}, risk: "backup-incomplete", detail: config},
		{name: "a folder that cannot be read", disk: diskOf{files: []string{config}, hidden: "/usr/lib"}, packs: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
				r, err := AuditRollback(db, state.Moment{Run: 72}, Options{
					Contents: func(of string, each func(vdb.ContentsEntry)) bool {
						if of == cpv {
							each(vdb.ContentsEntry{Kind: vdb.Directory, Path: path.Dir(library)})
							each(vdb.ContentsEntry{Kind: vdb.Regular, Path: config})
							each(vdb.ContentsEntry{Kind: vdb.Regular, Path: library})
						}
						return true
					},
					Disk:    test.disk,
					Changed: func(e vdb.ContentsEntry) (bool, bool) { return e.Path == test.changed, true },
				})
				if err != nil {
					return err
				}
				if len(r.Plan) == 0 || !strings.HasPrefix(r.Plan[0].String(), "quickpkg ") {
					t.Fatalf("the plan packages nothing first: %v", audit.Lines(r.Plan))
				}
				if got := strings.Contains(r.Plan[0].String(), cpv); got != test.packs {
					t.Errorf("quickpkg packs it: %v, want %v", got, test.packs)
				}
				var codes []string
				for _, x := range r.Risks {
					if x.CPV != nil && *x.CPV == cpv && (x.Code == "config-pristine" || x.Code == "backup-incomplete") {
						codes = append(codes, x.Code)
						if !strings.Contains(x.Detail, test.detail) || x.Severity != audit.SeverityWarning {
							t.Errorf("%s does not name %s: %s", x.Code, test.detail, x.Detail)
						}
					}
				}
				if got := strings.Join(codes, " "); got != test.risk {
					t.Errorf("risks %q, want %q", got, test.risk)
				}
				if got := hasConfigStep(r.Later, config, "sys-libs/libfoo"); got != test.later {
					t.Errorf("a later step keeps the configuration: %v, want %v", got, test.later)
				}
				return nil
			})
		})
	}
}

// hasConfigStep reports whether one of the steps keeps a configuration file in the update
// of a package.
func hasConfigStep(steps []Step, file, cp string) bool {
	return slices.ContainsFunc(steps, func(s Step) bool {
		return strings.Contains(s.Title, file) && s.Commands[0].String() == `FEATURES=-config-protect-if-modified emerge --oneshot --update `+cp
	})
}

// TestChangedConfigurationOfAMergedPackage holds that the files are named which the next
// update of a package that quickpkg made would replace without asking.
func TestChangedConfigurationOfAMergedPackage(t *testing.T) {
	t.Parallel()
	const begin = "image: 2 of the 9 entries of CONTENTS are otherwise in it: "
	for message, want := range map[string][]string{
		"":                                nil,
		begin + "/etc/a.conf, /usr/bin/a": {"/etc/a.conf"},
		begin + "/usr/bin/a, /etc/a.conf": {"/etc/a.conf"},
		begin + "/usr/bin/a, /etc/b c":    {"/etc/b c"},
		begin + "/etc/a.conf, /etc/b and 12 more": {"/etc/a.conf", "/etc/b"},
		begin + "/usr/bin/a, /usr/bin/b":          nil,
	} {
		b := &binpkgs.Binpkg{Instance: &inventory.Instance{Traits: &inventory.Traits{}}}
		b.CPV = "app-misc/a-1"
		if message != "" {
			b.Problems = []inventory.Problem{{Code: "image-altered", Message: message}}
		}
		j := &Judge{host: &transition.Host{Protect: []string{"/etc"}}}
		c := newChange(state.Change{})
		c.To, c.Chosen = &b.CPV, &acceptance.JudgedBinpkg{Binpkg: b}
		if diff := cmp.Diff(want, j.alteredConfig(&c)); diff != "" {
			t.Errorf("%q: -want +got\n%s", message, diff)
		}
		steps := j.keepConfig(new(Rollback), []*Change{&c})
		if got := len(want) > 0 && hasConfigStep(steps, want[0], "app-misc/a"); got != (len(want) > 0) || len(steps) > 1 {
			t.Errorf("%q: %+v", message, steps)
		}
	}
}
