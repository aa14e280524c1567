package state

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/store"
	"emaudit/store/config"
)

// configure writes a file of the configuration, changed now.
func (h *smallHost) configure(name, content string) {
	h.t.Helper()
	h.write("etc/portage/"+name, content)
	now := time.Unix(h.at, 0)
	if err := os.Chtimes(filepath.Join(h.root, "etc/portage", name), now, now); err != nil {
		h.t.Fatal(err)
	}
}

// TestSettingsArePartOfAState changes the configuration between two updates and once
// more after them.
func TestSettingsArePartOfAState(t *testing.T) {
	t.Parallel()
	const day = 24 * 3600
	h := newSmallHost(t)
	h.configure("make.conf", "USE=\"ssl qt\"\nCFLAGS=\"-O2\"\n")
	h.configure("package.use", "app-misc/a qt\n")
	h.run("a", "+a-1")
	h.install(fmt.Sprint("a-1@", begin+4))
	h.ingest()
	h.at += day
	h.configure("make.conf", "USE=\"ssl\"\nCFLAGS=\"-O3\"\n")
	h.configure("package.use", "app-misc/a -qt\napp-misc/b doc\n")
	h.run("--update --newuse @world", "+a-2/a-1")
	h.install(fmt.Sprint("a-2@", h.at-8))
	h.ingest()
	h.at += day
	h.configure("package.mask", ">app-misc/a-2\n")
	h.ingest()
	h.ask(func(past *Past, db audit.Database) error {
		diff := func(a, b Moment) (lines []string, known bool) {
			d, err := AuditDiff(db, a, b)
			if err != nil {
				t.Fatal(err)
			}
			text := func(v *string) string {
				if v == nil {
					return "-"
				}
				return fmt.Sprintf("%q", *v)
			}
			for _, c := range d.Settings {
				if c.Kind != config.LineSetting || c.Subject == "USE" || c.Subject == "CFLAGS" {
					lines = append(lines, fmt.Sprintf("%s %s %s > %s", c.Kind, c.Subject, text(c.Before), text(c.After)))
				}
			}
			return lines, d.SettingsKnown
		}
		got, known := diff(Moment{Run: 2}, Moment{Now: true})
		want := []string{
			`setting CFLAGS "-O2" > "-O3"`, `setting USE "qt ssl" > "ssl"`, `package.use app-misc/a "qt" > "-qt"`, `package.use app-misc/b - > "doc"`,
			`package.mask >app-misc/a-2 - > ""`,
		}
		if d := cmp.Diff(want, got); d != "" || !known {
			t.Errorf("from before run 2 to now, known is %t: -want +got\n%s", known, d)
		}
		if _, known := diff(Moment{Run: 1}, Moment{Now: true}); known {
			t.Error("nobody saw the settings before run 1")
		}
		return nil
	})
}

func TestWhichSettingsConcernAPackage(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	m := &store.Metadata{IUse: "+qt doc python_targets_python3_12"}
	for _, test := range []struct {
		name   string
		change SettingChange
		m      *store.Metadata
		want   bool
	}{
		{"a flag that the ebuild has", SettingChange{Kind: config.LineSetting, Subject: "USE", Before: text("ssl qt"), After: text("ssl")}, m, true},
		{"a flag that it lacks", SettingChange{Kind: config.LineSetting, Subject: "USE", Before: text("ssl qt"), After: text("qt")}, m, false},
		{"a flag that is turned off", SettingChange{Kind: config.LineSetting, Subject: "USE", Before: text("qt"), After: text("qt -doc")}, m, true},
		{"no metadata", SettingChange{Kind: config.LineSetting, Subject: "USE", Before: text("ssl"), After: text("")}, nil, true},
		{"a flag of USE_EXPAND", SettingChange{Kind: config.LineSetting, Subject: "PYTHON_TARGETS", Before: text("python3_12"), After: text("python3_13")}, m, true},
		{"another variable", SettingChange{Kind: config.LineSetting, Subject: "MAKEOPTS", Before: text("-j2"), After: text("-j4")}, m, false},
		{"the compiler's flags", SettingChange{Kind: config.LineSetting, Subject: "CFLAGS", Before: text("-O2"), After: text("-O3")}, m, true},
		{"package.use of the package", SettingChange{Kind: config.Use, Subject: "app-misc/a", After: text("-doc")}, m, true},
		{"package.use of another flag", SettingChange{Kind: config.Use, Subject: "app-misc/a", After: text("ssl")}, m, false},
		{"package.use of another package", SettingChange{Kind: config.Use, Subject: "app-misc/b", After: text("doc")}, m, false},
		{"a mask of the version", SettingChange{Kind: config.Mask, Subject: "<app-misc/a-2", After: text("")}, m, true},
		{"a mask of another version", SettingChange{Kind: config.Mask, Subject: ">app-misc/a-2", After: text("")}, m, false},
	} {
		if got := test.change.Concerns("app-misc/a-1", test.m); got != test.want {
			t.Errorf("%s: want %t, got %t", test.name, test.want, got)
		}
	}
}
