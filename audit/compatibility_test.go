package audit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

func compatibility(host *hosttest.Host, now int64) *audit.Compatibility {
	var c *audit.Compatibility
	audit.Ask(host, now, func(db audit.Database) (err error) {
		c, err = audit.AuditCompatibility(db)
		return err
	})
	return c
}

// TestPortageTakesWhatIsUsable compares with the answers of the recorded
// Portage to "emerge --pretend --usepkgonly =CPV": what it would install has a
// usable binary package, and what it has none of, neither has emaudit.
func TestPortageTakesWhatIsUsable(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Trusted struct {
			Pretend []struct {
				Atom   string `json:"atom"`
				Status int    `json:"rc"`
				Reason string `json:"reason"`
			} `json:"pretend_usepkgonly"`
			Binpkgs []struct {
				Path string `json:"path"`
			} `json:"binpkgs"`
		} `json:"portage_trusted_index"`
	}
	if err := json.Unmarshal(hostarchive.AlphaOracle(t), &oracle); err != nil {
		t.Fatal(err)
	}
	host := hosttest.New(t, hostarchive.Alpha(t))
	host.Ingest(hosttest.Now)
	usable := map[string][]audit.Usable{}
	seen := map[string]audit.CompatibilityRow{}
	for _, r := range compatibility(host, hosttest.Now).Rows {
		usable[r.CPV] = append(usable[r.CPV], r.Usable)
		seen[r.Path] = r
	}
	installable := 0
	for _, p := range oracle.Trusted.Pretend {
		cpv, ok := strings.CutPrefix(p.Atom, "=")
		if !ok {
			continue
		}
		switch {
		case strings.HasPrefix(p.Reason, "installable") && len(usable[cpv]) == 0:
			// The index lists what is gone, and Portage believes it until it
			// merges.
		case strings.HasPrefix(p.Reason, "installable"):
			installable++
			if !slices.Contains(usable[cpv], audit.UsableYes) {
				t.Errorf("%s: Portage would install it; emaudit says %v", cpv, usable[cpv])
			}
		case strings.HasPrefix(p.Reason, "no binary package"):
			if slices.Contains(usable[cpv], audit.UsableYes) {
				t.Errorf("%s: Portage has no binary package; emaudit says %v", cpv, usable[cpv])
			}
		}
	}
	if installable < 40 {
		t.Errorf("only %d packages were compared", installable)
	}
	listed := map[string]bool{}
	for _, b := range oracle.Trusted.Binpkgs {
		listed[b.Path] = true
	}
	for path, r := range seen {
		if r.Usable == audit.UsableYes && !listed[path] {
			t.Errorf("%s is usable, and Portage does not know it", path)
		}
	}
}

// TestWhatPortageRefuses changes one thing at a time on a copy of the recorded
// host. Each rule was tried with real Portage, which refused with
// --usepkgonly.
func TestWhatPortageRefuses(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	host := hosttest.New(t, root)
	now := int64(hosttest.Now)
	const path = "app-misc/foo-tool/foo-tool-1.3.0-1.gpkg.tar"
	for _, tt := range []struct {
		name, file, text string
		path             string
		want             audit.Usable
		code             string
	}{
		{"nothing is changed", "etc/portage/none", "", path, audit.UsableYes, ""},
		{"a mask of the administrator", "etc/portage/package.mask", "app-misc/foo-tool\n", path, audit.UsableNo, "package-masked"},
		{"a mask of a range that it is not in", "etc/portage/package.mask", "<app-misc/foo-tool-1.3.0\n", path, audit.UsableYes, ""},
		{"a mask of the repository", "var/db/repos/lab/profiles/package.mask", "=app-misc/foo-tool-1.3.0\n", path, audit.UsableNo, "package-masked"},
		{"a mask of a profile", "var/db/repos/lab/profiles/base/package.mask", "*/foo-tool\n", path, audit.UsableNo, "package-masked"},
		{"a keyword taken away", "etc/portage/package.accept_keywords/zz", "app-misc/foo-tool -*\n", path, audit.UsableNo, "keywords-refused"},
		{"a live package without its line", "etc/portage/package.accept_keywords/live", "\n", "app-misc/livething/livething-9999-2.gpkg.tar", audit.UsableNo, "keywords-refused"},
		{"a license not accepted", "etc/portage/package.license", "app-misc/foo-tool -*\n", path, audit.UsableNo, "license-refused"},
		{"a license by its group", "etc/portage/package.license", "app-misc/foo-tool -* @FREE LGPL-2.1+\n", path, audit.UsableYes, ""},
		{"a group that nothing defines", "etc/portage/package.license", "app-misc/foo-tool -* @NONE\n", path, audit.UsableUnknown, "license-unknown"},
		{"another CHOST", "etc/portage/make.conf", "CHOST=\"aarch64-unknown-linux-gnu\"\nACCEPT_LICENSE=\"*\"\n", path, audit.UsableNo, "chost-refused"},
		{"a CHOST that is accepted", "etc/portage/make.conf", "CHOST=\"x86_64-gentoo-linux-musl\"\nACCEPT_CHOSTS=\"x86_64-.*\"\nACCEPT_LICENSE=\"*\"\n", path, audit.UsableYes, ""},
		{"signatures requested", "etc/portage/make.conf", "FEATURES=\"binpkg-request-signature\"\nACCEPT_LICENSE=\"*\"\n", path, audit.UsableNo, "signature-missing"},
		{"a dependency that is gone", "etc/portage/none", "", "sys-libs/libfoo/libfoo-1.0-1.gpkg.tar", audit.UsableYes, ""},
		{"a file that is damaged", "etc/portage/none", "", "app-misc/hello/hello-2.0-1.gpkg.tar", audit.UsableNo, "binpkg-damaged"},
		{"a stray copy", "etc/portage/none", "", "app-misc/hello/copy-of-hello.gpkg.tar", audit.UsableNo, "binpkg-unseen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(root, tt.file)
			before, err := os.ReadFile(file)
			if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			now++
			host.Ingest(now)
			rows := compatibility(host, now).Rows
			i := slices.IndexFunc(rows, func(r audit.CompatibilityRow) bool { return r.Path == tt.path })
			if i < 0 {
				t.Fatalf("%s: no such row", tt.path)
			}
			r := rows[i]
			if r.Usable != tt.want || tt.code != "" && !slices.ContainsFunc(r.Reasons, func(x audit.Reason) bool { return x.Code == tt.code }) {
				t.Errorf("want %s %s, got %s %+v", tt.want, tt.code, r.Usable, r.Reasons)
			}
			if err != nil {
				err = os.Remove(file)
			} else {
				err = os.WriteFile(file, before, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
