package rollback

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// TestSettingsOfTodayThatActAgainstWhatComesBack changes the configuration after
// hello-2.1, built with USE=debug, was seen and unmerged, and asks for the way back.
func TestSettingsOfTodayThatActAgainstWhatComesBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, file, content string // what is put at the end of a file
		want                []string
	}{
		{"nothing", "etc/portage/package.use/main", "# no flag\n", nil},
		{
			"a flag of the package", "etc/portage/make.conf", "USE=\"test\"\n",
			[]string{"USE (/var/db/repos/lab/profiles/default/linux/amd64/23.0/make.defaults:13, /etc/portage/make.conf:20): without it then, test today; the next update with --newuse would rebuild these: app-misc/hello-2.1"},
		},
		{"a flag that it lacks", "etc/portage/make.conf", "USE=\"gnome\"\n", nil},
		{
			"package.use", "etc/portage/package.use/zz", "app-misc/hello test\n",
			[]string{"package.use of app-misc/hello (/etc/portage/package.use/zz:1): without it then, test today; the next update with --newuse would rebuild these: app-misc/hello-2.1"},
		},
		{"package.use of another package", "etc/portage/package.use/zz", "app-misc/warny test\n", nil},
		{
			"compiler flags", "etc/portage/make.conf", "CFLAGS=\"-O3 -pipe\"\n",
			[]string{"CFLAGS (/etc/portage/make.conf:20): -O2 then, -O3 today; a rebuild of these would be another build: app-misc/hello-2.1"},
		},
		{"a mask of another version", "etc/portage/package.mask", ">app-misc/hello-2.1\n", nil},
		{
			"a license that is accepted no more", "etc/portage/package.license", "app-misc/hello -Artistic-2\n",
			[]string{"package.license of app-misc/hello (/etc/portage/package.license:1): nothing then, -Artistic-2 today; the next update may refuse or replace these: app-misc/hello-2.1"},
		},
		{"an accepted keyword", "etc/portage/package.accept_keywords/zz", "app-misc/hello ~amd64\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := hostarchive.AlphaCopy(t)
			host := hosttest.New(t, root)
			host.Ingest(hosttest.Now)
			appendTo(t, filepath.Join(root, "var/log/emerge.log"), fmt.Sprintf("%[1]d: Started emerge on: Oct 04, 2026 18:30:00\n%[1]d:  *** emerge --unmerge app-misc/hello\n"+
				"%[1]d: === Unmerging... (app-misc/hello-2.1)\n%[1]d:  >>> unmerge success: app-misc/hello-2.1\n%[1]d:  *** exiting successfully.\n%[1]d:  *** terminating.\n", hosttest.Now+600))
			if err := os.RemoveAll(filepath.Join(root, "var/db/pkg/app-misc/hello-2.1")); err != nil {
				t.Fatal(err)
			}
			appendTo(t, filepath.Join(root, test.file), test.content)
			host.Ingest(hosttest.Now + 3600)
			audittest.Ask(host, hosttest.Now+3600, func(db audit.Database) error {
				r, err := AuditRollback(db, state.Moment{At: hosttest.Now}, Options{})
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(r.Changes, func(c Change) bool { return c.CPV() == "app-misc/hello-2.1" && !c.Stays }) {
					t.Fatalf("hello-2.1 does not come back: %+v", r.Gaps)
				}
				var got []string
				for _, x := range r.Risks {
					if strings.HasPrefix(x.Code, "settings-") {
						got = append(got, x.Detail)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				return nil
			})
		})
	}
}

// appendTo writes at the end of a file, changed after the first ingest.
func appendTo(t *testing.T, name, content string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(hosttest.Now+700, 0)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}
