package acceptance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

func compatibility(host *hosttest.Host, now int64) *acceptance.Compatibility {
	var c *acceptance.Compatibility
	audittest.Ask(host, now, func(db audit.Database) (err error) {
		c, err = acceptance.AuditCompatibility(db, acceptance.CompatibilityOptions{})
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
	usable := map[string][]acceptance.Usable{}
	seen := map[string]acceptance.CompatibilityRow{}
	for r := range compatibility(host, hosttest.Now).Rows {
		usable[r.CPV] = append(usable[r.CPV], r.Usable)
		seen[r.Path] = *r
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
			if !slices.Contains(usable[cpv], acceptance.UsableYes) {
				t.Errorf("%s: Portage would install it; emaudit says %v", cpv, usable[cpv])
			}
		case strings.HasPrefix(p.Reason, "no binary package"):
			if slices.Contains(usable[cpv], acceptance.UsableYes) {
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
		if r.Usable == acceptance.UsableYes && !listed[path] {
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
		want             acceptance.Usable
		code             string
	}{
		{"nothing is changed", "etc/portage/none", "", path, acceptance.UsableYes, ""},
		{"a mask of the administrator", "etc/portage/package.mask", "app-misc/foo-tool\n", path, acceptance.UsableNo, "package-masked"},
		{"a mask of a range that it is not in", "etc/portage/package.mask", "<app-misc/foo-tool-1.3.0\n", path, acceptance.UsableYes, ""},
		{"a mask of the repository", "var/db/repos/lab/profiles/package.mask", "=app-misc/foo-tool-1.3.0\n", path, acceptance.UsableNo, "package-masked"},
		{"a mask of a profile", "var/db/repos/lab/profiles/base/package.mask", "app-misc/foo-tool\n", path, acceptance.UsableNo, "package-masked"},
		{"a wildcard in a profile, which counts for nothing", "var/db/repos/lab/profiles/base/package.mask", "app-misc/*\n", path, acceptance.UsableYes, ""},
		{"a keyword taken away", "etc/portage/package.accept_keywords/zz", "app-misc/foo-tool -*\n", path, acceptance.UsableNo, "keywords-refused"},
		{"a live package without its line", "etc/portage/package.accept_keywords/live", "\n", "app-misc/livething/livething-9999-2.gpkg.tar", acceptance.UsableNo, "keywords-refused"},
		{"a license not accepted", "etc/portage/package.license", "app-misc/foo-tool -*\n", path, acceptance.UsableNo, "license-refused"},
		{"a license by its group", "etc/portage/package.license", "app-misc/foo-tool -* @FREE LGPL-2.1+\n", path, acceptance.UsableYes, ""},
		{"a group that nothing defines", "etc/portage/package.license", "app-misc/foo-tool -* @NONE\n", path, acceptance.UsableUnknown, "license-unknown"},
		{"another CHOST", "etc/portage/make.conf", "CHOST=\"aarch64-unknown-linux-gnu\"\nACCEPT_LICENSE=\"*\"\n", path, acceptance.UsableNo, "chost-refused"},
		{"a CHOST that is accepted", "etc/portage/make.conf", "CHOST=\"x86_64-gentoo-linux-musl\"\nACCEPT_CHOSTS=\"x86_64-.*\"\nACCEPT_LICENSE=\"*\"\n", path, acceptance.UsableYes, ""},
		{"signatures requested", "etc/portage/make.conf", "FEATURES=\"binpkg-request-signature\"\nACCEPT_LICENSE=\"*\"\n", path, acceptance.UsableNo, "signature-missing"},
		{"a dependency that is gone", "etc/portage/none", "", "sys-libs/libfoo/libfoo-1.0-1.gpkg.tar", acceptance.UsableYes, ""},
		{"a file that is damaged", "etc/portage/none", "", "app-misc/hello/hello-2.0-1.gpkg.tar", acceptance.UsableNo, "binpkg-damaged"},
		{"a stray copy", "etc/portage/none", "", "app-misc/hello/copy-of-hello.gpkg.tar", acceptance.UsableNo, "binpkg-unseen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(root, tt.file)
			before, err := os.ReadFile(file)
			if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			now++
			host.Ingest(now)
			var r *acceptance.CompatibilityRow
			for row := range compatibility(host, now).Rows {
				if row.Path == tt.path {
					r = row
				}
			}
			if r == nil {
				t.Fatalf("%s: no such row", tt.path)
			}
			if r.Usable != tt.want || tt.code != "" && !slices.ContainsFunc(r.Reasons, func(x acceptance.Reason) bool { return x.Code == tt.code }) {
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

// TestMasksAreStackedAsPortageDoes sets up lists that take each other back. What
// real Portage (3.0.82+, Package.masks over all 134 packages of the recorded
// host) left visible, is usable.
func TestMasksAreStackedAsPortageDoes(t *testing.T) {
	t.Parallel()
	const (
		profiles = "var/db/repos/lab/profiles/"
		child    = profiles + "default/linux/amd64/23.0/"
		fooTool  = "app-misc/foo-tool/foo-tool-1.3.0-1.gpkg.tar"
		oldTool  = "app-misc/foo-tool/foo-tool-1.2.4-1.gpkg.tar"
		hello    = "app-misc/hello/hello-1.1-1.gpkg.tar"
		hello2   = "app-misc/hello/hello-1.1-2.gpkg.tar"
		hello21  = "app-misc/hello/hello-2.1-1.gpkg.tar"
	)
	for _, tt := range []struct {
		name      string
		files     map[string]string
		yes, none []string
	}{
		{"a profile does not lift what its repository masks", map[string]string{profiles + "package.mask": "app-misc/foo-tool\n", profiles + "base/package.mask": "-app-misc/foo-tool\n"}, []string{hello}, []string{fooTool}},
		{"a profile lifts what its parent masks", map[string]string{profiles + "base/package.mask": "app-misc/foo-tool\n=app-misc/hello-1.1\n", child + "package.mask": "-app-misc/foo-tool\n"}, []string{fooTool}, []string{hello}},
		{"the administrator lifts everything", map[string]string{profiles + "package.mask": "app-misc/foo-tool\n", profiles + "base/package.mask": "app-misc/hello\n", "etc/portage/package.mask": "-app-misc/foo-tool\n-app-misc/hello\n"}, []string{fooTool, hello}, nil},
		{"one's own profile is the last", map[string]string{"etc/portage/profile/package.mask": "app-misc/hello\n", "etc/portage/profile/package.accept_keywords": "app-misc/foo-tool -*\n"}, nil, []string{hello, fooTool}},
		{"a range is unmasked", map[string]string{profiles + "package.mask": "app-misc/foo-tool\n", "etc/portage/package.unmask": "<app-misc/foo-tool-1.3\n"}, []string{oldTool}, []string{fooTool}},
		{"one build is masked", map[string]string{"etc/portage/package.mask": "=app-misc/hello-1.1-2\n"}, []string{hello}, []string{hello2}},
		{"the more specific atom counts, not the last line", map[string]string{"etc/portage/package.accept_keywords/zz": "=app-misc/hello-1.1 amd64\napp-misc/hello -amd64 -~amd64\napp-misc/foo-tool -*\n>=app-misc/foo-tool-1.3 amd64\n"}, []string{hello, fooTool}, []string{hello21, oldTool}},
		{"the nearer bound counts", map[string]string{"etc/portage/package.accept_keywords/zz": ">=app-misc/foo-tool-1.3.0 amd64\n>=app-misc/foo-tool-1.2 -*\n"}, []string{fooTool}, []string{oldTool}},
		{"a license is refused to one version", map[string]string{"etc/portage/package.license": "=app-misc/hello-1.1 -*\napp-misc/hello *\n"}, []string{hello21}, []string{hello}},
		{"a category that nothing lists", map[string]string{profiles + "categories": "sys-libs\n"}, []string{"sys-libs/libfoo/libfoo-1.0-1.gpkg.tar"}, []string{hello}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := hostarchive.AlphaCopy(t)
			for name, text := range tt.files {
				name = filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			host := hosttest.New(t, root)
			host.Ingest(hosttest.Now)
			usable := map[string]acceptance.Usable{}
			for r := range compatibility(host, hosttest.Now).Rows {
				usable[r.Path] = r.Usable
			}
			for want, paths := range map[acceptance.Usable][]string{acceptance.UsableYes: tt.yes, acceptance.UsableNo: tt.none} {
				for _, path := range paths {
					if usable[path] != want {
						t.Errorf("%s: usable %q, want %q", path, usable[path], want)
					}
				}
			}
		})
	}
}
