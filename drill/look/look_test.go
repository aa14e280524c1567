package look

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
)

// lines are observations as text: what is expected stands in parentheses.
func lines(all []Observation) (texts []string) {
	for _, o := range all {
		text := string(o.Kind) + " " + o.Subject
		if o.Expected {
			text = "(" + text + ")"
		}
		texts = append(texts, text)
	}
	return texts
}

// clean is what a drill shows that went as the plan promised.
var clean = []string{"(config-replaced " + barConf + ")"}

func TestLook(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		do      func(*drilled)
		verdict Verdict
		want    []string // besides clean
	}{
		{"as promised", func(*drilled) {}, Proven, nil},

		{"a package was not merged", func(d *drilled) { d.after.unmerge("sys-libs/libfoo-2.0", "/usr/lib64/libfoo.so.2") }, Failed, []string{"build-missing sys-libs/libfoo-2.0"}},
		{"another build of the version", func(d *drilled) {
			d.in.Plan.Merges[0].BuildTime++
		}, Failed, []string{"build-differs sys-libs/libfoo-2.0"}},
		{"another build id", func(d *drilled) { d.after.write("var/db/pkg/app-misc/bar-daemon-4.1/BUILD_ID", "7\n") }, Failed, []string{"build-differs app-misc/bar-daemon-4.1"}},
		{"of another repository", func(d *drilled) { d.after.write("var/db/pkg/app-misc/bar-daemon-4.1/repository", "other\n") }, Failed, []string{"build-differs app-misc/bar-daemon-4.1"}},
		{"a package was not removed", func(d *drilled) { d.in.Plan.Removes = append(d.in.Plan.Removes, "app-misc/foo-viewer-0.6_alpha3") }, Failed, []string{"build-left app-misc/foo-viewer-0.6_alpha3"}},
		{"emerge pulled one in", func(d *drilled) { d.after.merge("app-misc/hello/hello-2.1-1.gpkg.tar") }, Failed, []string{"build-extra app-misc/hello-2.1"}},
		{
			"emerge removed one", func(d *drilled) {
				d.after.unmerge("app-misc/foo-viewer-0.6_alpha3")
				d.after.write("var/lib/portage/world", "app-misc/bar-daemon\n")
			}, Failed,
			[]string{"build-gone app-misc/foo-viewer-0.6_alpha3", "(world-lost app-misc/foo-viewer)"},
		},
		{"a merge was cut off", func(d *drilled) { d.after.write("var/db/pkg/app-misc/-MERGING-hello-1/PF", "hello-1\n") }, Failed, []string{"build-left app-misc/-MERGING-hello-1"}},
		{"a merge was cut off before", func(d *drilled) {
			d.ownRoot()
			d.after.write("var/db/pkg/app-misc/-MERGING-hello-1/PF", "hello-1\n")
			d.before.write("var/db/pkg/app-misc/-MERGING-hello-1/PF", "hello-1\n")
		}, Proven, []string{"(build-left app-misc/-MERGING-hello-1)"}},
		{"the plan leaves a package", func(d *drilled) { d.in.Plan.Missed = []Missed{{"a/b-1", "no binary package"}} }, ProvenWithDifferences, []string{"target-missed a/b-1"}},

		{"a file is missing", func(d *drilled) { d.after.remove("usr/include/foo.h") }, ProvenWithDifferences, []string{"file-missing /usr/include/foo.h"}},
		{"a file has another content", func(d *drilled) { d.after.write("usr/include/foo.h", "other") }, ProvenWithDifferences, []string{"file-content /usr/include/foo.h"}},
		{"a folder in place of a file", func(d *drilled) {
			d.after.remove("usr/include/foo.h")
			d.after.write("usr/include/foo.h/x", "")
		}, ProvenWithDifferences, []string{"file-type /usr/include/foo.h"}},
		{"a link leads elsewhere", func(d *drilled) {
			d.after.remove("usr/lib64/libfoo.so")
			d.after.must(os.Symlink("libfoo.so.9", d.after.at("usr/lib64/libfoo.so")))
		}, ProvenWithDifferences, []string{"file-target /usr/lib64/libfoo.so"}},
		{"a link into the folder of the image", func(d *drilled) {
			d.after.remove("usr/lib64/libfoo.so")
			d.after.must(os.Symlink("/var/tmp/portage/sys-libs/libfoo-2.0/image/usr/lib64/libfoo.so.2", d.after.at("usr/lib64/libfoo.so")))
			d.after.edit("var/db/pkg/sys-libs/libfoo-2.0/CONTENTS", "libfoo.so -> libfoo.so.2", "libfoo.so -> /usr/lib64/libfoo.so.2")
		}, Proven, []string{"(file-target /usr/lib64/libfoo.so)"}},
		{"a folder behind a link of the administrator", func(d *drilled) {
			d.after.must(os.Rename(d.after.at("usr/include"), d.after.at("usr/headers")))
			d.after.must(os.Symlink("headers", d.after.at("usr/include")))
		}, Proven, nil},
		{"CONTENTS is damaged", func(d *drilled) {
			d.after.edit("var/db/pkg/sys-libs/libfoo-2.0/CONTENTS", "obj /usr/include", "what /usr/include")
		}, ProvenWithDifferences, []string{"not-looked-at /var/db/pkg/sys-libs/libfoo-2.0/CONTENTS"}},
		{"a value of the VDB cannot be read", func(d *drilled) {
			d.after.remove("var/db/pkg/sys-libs/libfoo-2.0/RDEPEND")
			d.after.must(os.MkdirAll(d.after.at("var/db/pkg/sys-libs/libfoo-2.0/RDEPEND"), 0o755))
		}, ProvenWithDifferences, []string{"not-looked-at /var/db/pkg/sys-libs/libfoo-2.0"}},

		{"a library went", func(d *drilled) { d.after.remove("usr/lib64/libbar.so.0") }, ProvenWithDifferences, []string{"library-missing /usr/bin/foo-viewer"}},
		{"a library went that what was merged needs", func(d *drilled) { d.after.remove("lib64/libc.so.6") }, ProvenWithDifferences, []string{
			"library-missing /usr/bin/bar-daemon", "library-missing /usr/bin/foo-viewer",
		}},
		{"it was missing before, too", func(d *drilled) {
			d.ownRoot()
			d.after.remove("usr/lib64/libbar.so.0")
			d.before.remove("usr/lib64/libbar.so.0")
		}, Proven, []string{"(library-missing /usr/bin/foo-viewer)"}},
		{"it was missing before, and what is merged needs it", func(d *drilled) {
			d.ownRoot()
			for _, tree := range []*tree{d.before, d.after} {
				tree.remove("usr/lib64/libbar.so.0")
			}
			d.before.remove("usr/bin/foo-viewer")
		}, Proven, []string{"(library-missing /usr/bin/foo-viewer)"}},
		{"it lies where ld.so.conf leads", func(d *drilled) {
			d.after.must(os.MkdirAll(d.after.at("opt/lib"), 0o755))
			d.after.must(os.Rename(d.after.at("usr/lib64/libbar.so.0"), d.after.at("opt/lib/libbar.so.0")))
			d.after.write("etc/ld.so.conf.d/x.conf", "/opt/lib\n")
		}, Proven, nil},
		{"it lies where ld.so.cache leads", func(d *drilled) {
			d.after.must(os.MkdirAll(d.after.at("opt/lib"), 0o755))
			d.after.must(os.Rename(d.after.at("usr/lib64/libbar.so.0"), d.after.at("opt/lib/libbar.so.0")))
			b := append([]byte("glibc-ld.so.cache1.1"), make([]byte, 52)...)
			b[20], b[56] = 1, byte(len(b)) // one entry, and where its path is
			d.after.write("etc/ld.so.cache", string(b)+"/opt/lib/libother.so.1\x00")
		}, Proven, nil},
		{"in its place is no library", func(d *drilled) { d.after.write("usr/lib64/libbar.so.0", "text") }, ProvenWithDifferences, []string{"library-missing /usr/bin/foo-viewer"}},
		{"a package has its own", func(d *drilled) {
			d.after.must(os.MkdirAll(d.after.at("usr/lib64/viewer"), 0o755))
			d.after.must(os.Rename(d.after.at("usr/lib64/libbar.so.0"), d.after.at("usr/lib64/viewer/libbar.so.0")))
			d.after.edit("var/db/pkg/app-misc/foo-viewer-0.6_alpha3/CONTENTS", "dir /usr\n", "dir /usr\nobj /usr/lib64/viewer/libbar.so.0 0 0\n")
		}, Proven, nil},
		{"Portage keeps it", func(d *drilled) {
			d.after.write("var/lib/portage/preserved_libs_registry", `{"dev-libs/libbar:0":["dev-libs/libbar-0.9","7",["/usr/lib64/libbar.so.0"]]}`)
		}, ProvenWithDifferences, []string{"library-preserved /usr/lib64/libbar.so.0"}},
		{"Portage kept it before, too", func(d *drilled) {
			d.ownRoot()
			for _, tree := range []*tree{d.before, d.after} {
				tree.write("var/lib/portage/preserved_libs_registry", `{"dev-libs/libbar:0":["dev-libs/libbar-0.9","7",["/usr/lib64/libbar.so.0"]]}`)
			}
		}, Proven, []string{"(library-preserved /usr/lib64/libbar.so.0)"}},
		{
			"the registry cannot be read", func(d *drilled) { d.after.write("var/lib/portage/preserved_libs_registry", "[") }, ProvenWithDifferences,
			[]string{"not-looked-at /var/lib/portage/preserved_libs_registry"},
		},
		{"NEEDED.ELF.2 is damaged, and a library is missing", func(d *drilled) {
			d.after.remove("lib64/libc.so.6")
			d.after.write("var/db/pkg/app-misc/foo-viewer-0.6_alpha3/NEEDED.ELF.2", "X86_64;/usr/bin/foo-viewer\n")
		}, ProvenWithDifferences, []string{"not-looked-at /var/db/pkg/app-misc/foo-viewer-0.6_alpha3/NEEDED.ELF.2", "library-missing /usr/bin/bar-daemon"}},
		{"NEEDED.ELF.2 is damaged", func(d *drilled) {
			d.after.write("var/db/pkg/app-misc/foo-viewer-0.6_alpha3/NEEDED.ELF.2", "X86_64;/usr/bin/foo-viewer\n")
		}, ProvenWithDifferences, []string{"not-looked-at /var/db/pkg/app-misc/foo-viewer-0.6_alpha3/NEEDED.ELF.2"}},

		{"the world file lost an entry", func(d *drilled) { d.after.write("var/lib/portage/world", "app-misc/foo-viewer\n") }, ProvenWithDifferences, []string{"world-lost app-misc/bar-daemon"}},
		{"the world file asks for what went", func(d *drilled) {
			d.after.unmerge("app-misc/foo-viewer-0.6_alpha3")
			d.in.Plan.Removes = append(d.in.Plan.Removes, "app-misc/foo-viewer-0.6_alpha3")
		}, ProvenWithDifferences, []string{"world-dangling app-misc/foo-viewer"}},
		{
			"the world file has another atom", func(d *drilled) {
				d.after.edit("var/lib/portage/world", "app-misc/bar-daemon", "<app-misc/bar-daemon-5")
			}, ProvenWithDifferences,
			[]string{"world-changed app-misc/bar-daemon"},
		},
		{"the world file has a new entry", func(d *drilled) { d.after.edit("var/lib/portage/world", "app", "sys-libs/libfoo\napp") }, ProvenWithDifferences, []string{"world-added sys-libs/libfoo"}},
		{"the order of the world file", func(d *drilled) { d.after.write("var/lib/portage/world", "app-misc/foo-viewer\napp-misc/bar-daemon\n") }, Proven, nil},

		{"nobody asked emerge", func(d *drilled) { d.in.Answers = Answers{} }, ProvenWithDifferences, []string{
			"not-looked-at emerge --pretend @preserved-rebuild", "not-looked-at emerge --pretend --update --deep --newuse @world", "not-looked-at emerge --pretend --depclean",
		}},
		{"the next update undoes it", func(d *drilled) {
			d.in.Answers.Update.Output = []byte("[binary     U  ] sys-libs/libfoo-2.0.1-1 [2.0]\n[ebuild     U  ] app-misc/foo-viewer-0.7 [0.6]\n")
		}, ProvenWithDifferences, []string{"next-update sys-libs/libfoo-2.0.1", "(next-update app-misc/foo-viewer-0.7)"}},
		{
			"its answer is not understood", func(d *drilled) { d.in.Answers.Update.Output = []byte("[ebuild  N ] nothing\n") }, ProvenWithDifferences,
			[]string{"not-looked-at emerge --pretend --update --deep --newuse @world"},
		},
		{
			"libraries would be rebuilt", func(d *drilled) {
				d.in.Answers.Rebuild.Output = []byte("[ebuild   R   ] app-misc/foo-viewer-0.6_alpha3\n")
			}, ProvenWithDifferences,
			[]string{"next-rebuild app-misc/foo-viewer-0.6_alpha3"},
		},
		{"depclean would take one away", func(d *drilled) {
			d.in.Answers.Depclean = Answer{Output: []byte("All selected packages: =app-misc/bar-daemon-4.1 =dev-libs/libbar-1\n")}
		}, ProvenWithDifferences, []string{"next-depclean app-misc/bar-daemon-4.1", "(next-depclean dev-libs/libbar-1)"}},

		{"depclean would have done so before", func(d *drilled) {
			d.in.Answers.Due.Output = []byte("All selected packages: =app-misc/bar-daemon-4.2\n")
			d.in.Answers.Depclean.Output = []byte("All selected packages: =app-misc/bar-daemon-4.1 =sys-libs/libfoo-2.0\n")
		}, ProvenWithDifferences, []string{"(next-depclean app-misc/bar-daemon-4.1)", "next-depclean sys-libs/libfoo-2.0"}},
		{
			"depclean did not finish", func(d *drilled) { d.in.Answers.Depclean.Output = []byte("Calculating dependencies ... done!\n") }, ProvenWithDifferences,
			[]string{"not-looked-at emerge --pretend --depclean"},
		},

		{"a phase wrote elsewhere", func(d *drilled) { d.wrote("srv/data/x", "y") }, ProvenWithDifferences, []string{"written-outside /srv/data/x"}},
		{"a phase made a folder", func(d *drilled) { d.upper.must(os.MkdirAll(d.upper.at("srv/new"), 0o755)) }, ProvenWithDifferences, []string{"written-outside /srv/new"}},
		{"a phase changed a file of another package", func(d *drilled) { d.wrote("usr/bin/foo-viewer", "changed") }, ProvenWithDifferences, []string{"file-foreign /usr/bin/foo-viewer"}},
		{"a phase removed a file of another package", func(d *drilled) { d.dropped("usr/bin/foo-viewer") }, ProvenWithDifferences, []string{"file-foreign /usr/bin/foo-viewer"}},
		{"a phase removed a file of nobody", func(d *drilled) {
			d.ownRoot()
			d.before.write("srv/x", "")
			d.dropped("srv/x")
		}, ProvenWithDifferences, []string{"removed-outside /srv/x"}},
		{"a file that went with its package", func(d *drilled) { d.dropped("usr/share/doc/bar-daemon-4.2/README.lab.bz2") }, Proven, nil},
		{"a file of a package that changed", func(d *drilled) {
			d.upper.write("usr/include/foo.h", d.after.read("usr/include/foo.h"))
		}, Proven, nil},
		{"a file that was opened and not written", func(d *drilled) {
			d.ownRoot()
			d.before.write("srv/log", "same")
			info, err := os.Stat(d.before.at("srv/log"))
			d.before.must(err)
			d.wrote("srv/log", "same")
			d.upper.must(os.Chtimes(d.upper.at("srv/log"), info.ModTime(), info.ModTime()))
		}, Proven, nil},
		{"what Portage writes", func(d *drilled) {
			d.wrote("etc/ld.so.cache", "")
			d.wrote("var/cache/edb/counter", "1")
			d.wrote("var/cache/edb/mtimedb", "{}")
			d.upper.must(os.MkdirAll(d.upper.at("var/tmp/portage"), 0o755))
		}, Proven, []string{"(written-outside /etc/ld.so.cache)", "(written-outside /var/cache/edb/counter)", "(written-outside /var/tmp/portage)"}},
		{"what programs of packages write", func(d *drilled) {
			d.wrote("usr/share/icons/hicolor/icon-theme.cache", "")
			d.wrote("usr/share/icons/hicolor/other", "")
			d.wrote("usr/share/mime/a/b/c.xml", "")
			d.wrote("usr/lib64/gtk-3.0/3.0.0/immodules.cache", "")
			d.wrote("usr/share/mimes", "")
		}, ProvenWithDifferences, []string{
			"(written-outside /usr/share/icons/hicolor/icon-theme.cache)", "(written-outside /usr/share/mime/a/b/c.xml)", "(written-outside /usr/lib64/gtk-3.0/3.0.0/immodules.cache)",
			"written-outside /usr/share/icons/hicolor/other", "written-outside /usr/share/mimes",
		}},
		{"the hold of the plan", func(d *drilled) {
			d.holds(">a/b-1", "")
			d.after.write("etc/portage/package.mask", "a/c\n>a/b-1\n\n")
		}, Proven, nil},
		{"the hold of the plan is not there", func(d *drilled) {
			d.holds(">a/b-1", "")
			d.after.write("etc/portage/package.mask", "a/c\n\n")
		}, ProvenWithDifferences, []string{"hold-differs /etc/portage/package.mask"}},
		{"a phase masked something", func(d *drilled) {
			d.holds(">a/b-1", "")
			d.after.write("etc/portage/package.mask", "a/c\na/x\n>a/b-1\n\n")
		}, ProvenWithDifferences, []string{"hold-differs /etc/portage/package.mask"}},
		{"a phase took a mask away", func(d *drilled) {
			d.holds(">a/b-1", "")
			d.after.write("etc/portage/package.mask", ">a/b-1\n\n")
		}, ProvenWithDifferences, []string{"hold-differs /etc/portage/package.mask"}},
		{"an earlier hold is lifted", func(d *drilled) {
			d.holds(">a/b-1", "")
			d.in.Plan.Lifts = map[string]bool{"/etc/portage/package.mask": true}
			d.before.write("etc/portage/package.mask", "# emaudit hold run:1\n>a/b-2\n")
			d.after.write("etc/portage/package.mask", ">a/b-1\n\n")
		}, Proven, nil},
		{"what the settings name", func(d *drilled) {
			d.in.Places = map[string]string{"/srv/binpkgs": "PKGDIR"}
			d.wrote("srv/binpkgs/Packages", "")
			d.wrote("srv/binpkgs-else/x", "")
		}, ProvenWithDifferences, []string{"written-outside /srv/binpkgs-else/x", "(written-outside /srv/binpkgs/Packages)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDrilled(t)
			test.do(d)
			all := d.look()
			got := lines(all)
			want := map[string]bool{}
			for _, line := range append(clean, test.want...) {
				want[line] = true
			}
			for i, line := range got {
				if !want[line] {
					t.Errorf("not expected: %s: %s", line, all[i].Detail)
				}
				delete(want, line)
			}
			for line := range want {
				t.Errorf("missing: %s", line)
			}
			if verdict := Judge(false, all); verdict != test.verdict {
				t.Errorf("verdict %s, want %s", verdict, test.verdict)
			}
		})
	}
}

func TestConfigurationFiles(t *testing.T) {
	t.Parallel()
	changed := func(d *drilled) string {
		theirs := d.after.read(barConf)
		d.ownRoot()
		d.before.write(barConf, "mine")
		d.after.write(barConf, "mine")
		return theirs
	}
	for _, test := range []struct {
		name    string
		promise string
		do      func(*drilled)
		want    []string
	}{
		{"replaced as promised", "replaced", func(*drilled) {}, []string{"(config-replaced " + barConf + ")"}},
		{"replaced, not promised", "offered", func(*drilled) {}, []string{"config-replaced " + barConf}},
		{"replaced, nobody knew", "unknown", func(*drilled) {}, []string{"(config-replaced " + barConf + ")"}},
		{"offered as promised", "offered", func(d *drilled) { d.after.write("etc/bar/._cfg0000_bar.conf", changed(d)) }, []string{"(config-offered " + barConf + ")"}},
		{"offered, not promised", "replaced", func(d *drilled) { d.after.write("etc/bar/._cfg0003_bar.conf", changed(d)) }, []string{"config-offered " + barConf}},
		{"something else is offered", "offered", func(d *drilled) {
			changed(d)
			d.after.write("etc/bar/._cfg0000_bar.conf", "of another version")
		}, []string{"config-kept " + barConf}},
		{"neither installed nor offered", "kept", func(d *drilled) { changed(d) }, []string{"(config-kept " + barConf + ")"}},
		{"neither as before nor as the package has it", "replaced", func(d *drilled) { d.after.write(barConf, "a phase wrote it") }, []string{"file-content " + barConf}},
		{"gone", "replaced", func(d *drilled) { d.after.remove(barConf) }, []string{"file-missing " + barConf}},
		{"gone, and offered", "offered", func(d *drilled) {
			d.after.write("etc/bar/._cfg0000_bar.conf", d.after.read(barConf))
			d.after.remove(barConf)
		}, []string{"(config-offered " + barConf + ")"}},
		{"a link is offered", "replaced", func(d *drilled) {
			d.after.must(os.Rename(d.after.at("etc/bar/current.conf"), d.after.at("etc/bar/._cfg0000_current.conf")))
		}, []string{"(config-offered " + link + ")", "(config-replaced " + barConf + ")"}},
		{"a link is gone", "replaced", func(d *drilled) { d.after.remove("etc/bar/current.conf") }, []string{"file-missing " + link, "(config-replaced " + barConf + ")"}},
		{"another link is offered", "replaced", func(d *drilled) {
			d.after.remove("etc/bar/current.conf")
			d.after.must(os.Symlink("elsewhere", d.after.at("etc/bar/current.conf")))
			d.after.must(os.Symlink("nowhere", d.after.at("etc/bar/._cfg0000_current.conf")))
		}, []string{"file-target " + link, "(config-replaced " + barConf + ")"}},
		{"removed with its package", "removed", func(d *drilled) {
			d.after.unmerge("app-misc/bar-daemon-4.1")
			d.after.remove(extra)
			d.in.Plan.Merges = d.in.Plan.Merges[:1]
			d.in.Plan.Config[extra] = "removed"
			d.after.edit("var/lib/portage/world", "app-misc/bar-daemon\n", "")
		}, []string{"(config-removed " + barConf + ")", "(config-removed " + extra + ")", "(world-lost app-misc/bar-daemon)"}},
		{"kept when its package went", "kept", func(d *drilled) {
			d.after.unmerge("app-misc/bar-daemon-4.1", barConf)
			d.after.remove(extra)
			d.in.Plan.Merges = d.in.Plan.Merges[:1]
			d.in.Plan.Config[extra] = "removed"
			d.after.edit("var/lib/portage/world", "app-misc/bar-daemon\n", "")
		}, []string{"(config-kept " + barConf + ")", "(config-removed " + extra + ")", "(world-lost app-misc/bar-daemon)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDrilled(t)
			d.in.Plan.Config[barConf] = test.promise
			test.do(d)
			if diff := cmp.Diff(test.want, lines(d.look())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The VDB of the recorded host was written by Portage, and its binary packages hold
// what was installed.
func TestRecordedContentsAreFound(t *testing.T) {
	t.Parallel()
	before, after := newTree(t), newTree(t)
	alpha := hostarchive.Alpha(t)
	gpkgs, err := filepath.Glob(filepath.Join(alpha, "var/cache/binpkgs/*/*/*.gpkg.tar"))
	if err != nil {
		t.Fatal(err)
	}
	merged := 0
	for _, gpkg := range gpkgs {
		gpkg, _ = filepath.Rel(filepath.Join(alpha, "var/cache/binpkgs"), gpkg)
		if strings.Contains(gpkg, "fake-sources") || strings.Contains(gpkg, "manyfiles") || strings.Contains(gpkg, "bigthing") {
			continue // thousands of files that are all alike
		}
		name := strings.TrimSuffix(filepath.Base(gpkg), ".gpkg.tar")
		pf := name[:max(strings.LastIndexByte(name, '-'), 0)]
		recorded := filepath.Join(alpha, "var/db/pkg", filepath.Dir(filepath.Dir(gpkg)), pf)
		id, err := os.ReadFile(filepath.Join(recorded, "BUILD_ID"))
		if err != nil || name != pf+"-"+strings.TrimSpace(string(id)) {
			continue
		}
		cpv := after.merge(gpkg)
		after.must(os.CopyFS(after.at("recorded"), os.DirFS(recorded)))
		after.remove("var/db/pkg/" + cpv)
		after.must(os.Rename(after.at("recorded"), after.at("var/db/pkg/"+cpv)))
		merged++
	}
	if merged < 20 {
		t.Fatalf("%d packages of the recorded host have their binary package", merged)
	}
	all, err := Look(context.Background(), Input{
		Before: before.open(), After: after.open(), VDB: "/var/db/pkg", State: "/var/lib/portage", Protected: func(string) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		switch o.Kind {
		case FileMissing, FileType, FileContent, FileTarget, NotLookedAt:
			if strings.HasPrefix(o.Subject, "emerge ") || strings.Contains(o.Subject, "/l -> x") {
				continue // nobody asked; CONTENTS does not say where this name ends
			}
			t.Errorf("%s %s: %s", o.Kind, o.Subject, o.Detail)
		}
	}
}

func TestLinkerSearchesAsLdSoDoes(t *testing.T) {
	t.Parallel()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	d := newTree(t)
	d.write("a.c", "int a(void) { return 1; }\n")
	d.write("m.c", "int a(void); int main(void) { return a(); }\n")
	build := func(out string, args ...string) {
		t.Helper()
		d.must(os.MkdirAll(filepath.Dir(d.at(out)), 0o755))
		cmd := exec.Command(cc, append([]string{"-o", d.at(out)}, args...)...)
		cmd.Dir = d.dir
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	build("opt/lib/liba.so.1", "-shared", "-fPIC", "-Wl,-soname,liba.so.1", "a.c")
	for name, args := range map[string][]string{
		"opt/bin/origin":   {"-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib"},
		"opt/bin/absolute": {"-Wl,--enable-new-dtags,-rpath,/nowhere:/opt/lib"},
		"opt/bin/rpath":    {"-Wl,--disable-new-dtags,-rpath,/opt/$LIB"},
		"opt/bin/plain":    nil,
	} {
		build(name, append(args, "m.c", d.at("opt/lib/liba.so.1"))...)
		l := newLinker(d.open(), func(p string, err error) { t.Errorf("%s: %v", p, err) })
		o, ok, err := l.read("/" + name)
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", name, ok, err)
		}
		want := "/opt/lib/liba.so.1"
		if args == nil {
			want = ""
		}
		if got := l.find(o, "liba.so.1"); got != want {
			t.Errorf("%s finds %q, want %q", name, got, want)
		}
		o.class = 1
		if got := l.find(o, "liba.so.1"); got != "" {
			t.Errorf("%s of another class finds %q", name, got)
		}
	}
	build("opt/bin/stripped", "m.c", d.at("opt/lib/liba.so.1"))
	b := []byte(d.read("opt/bin/stripped"))
	for _, at := range []int{0x28, 0x3c, 0x3e} { // e_shoff, e_shnum, e_shstrndx
		copy(b[at:], make([]byte, 2))
	}
	copy(b[0x28:], make([]byte, 8))
	d.write("opt/bin/stripped", string(b))
	if _, _, err := newLinker(d.open(), nil).read("/opt/bin/stripped"); err == nil {
		t.Error("what a file without section headers needs is known")
	}
}

func TestAnUnreadableVDBIsAnError(t *testing.T) {
	t.Parallel()
	d := newDrilled(t)
	d.after.remove("var/db/pkg")
	_, err := Look(context.Background(), Input{Before: d.before.open(), After: d.after.open(), VDB: "/var/db/pkg"})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestALookEndsWhenItIsInterrupted(t *testing.T) {
	t.Parallel()
	d := newDrilled(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.in.Before, d.in.After = d.before.open(), d.after.open()
	if _, err := Look(ctx, d.in); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestManyDifferencesAreCounted(t *testing.T) {
	t.Parallel()
	d := newDrilled(t)
	for i := range maxOfKind + 7 {
		d.upper.write(filepath.Join("srv", strings.Repeat("x", i%200+1), strings.Repeat("y", i/200+1)), "")
	}
	n := 0
	last := Observation{}
	for _, o := range d.look() {
		if o.Kind == WrittenOutside {
			n, last = n+1, o
		}
	}
	if n != maxOfKind+1 || last.Detail != "7 more of this kind are not listed" || last.Expected {
		t.Errorf("%d observations, the last is %+v", n, last)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	note := Observation{Kind: ConfigReplaced, Expected: true}
	for _, test := range []struct {
		name   string
		failed bool
		all    []Observation
		want   Verdict
	}{
		{"nothing", false, nil, Proven},
		{"what is expected", false, []Observation{note}, Proven},
		{"a difference", false, []Observation{note, {Kind: FileMissing}}, ProvenWithDifferences},
		{"not looked at", false, []Observation{{Kind: NotLookedAt}}, ProvenWithDifferences},
		{"a step failed", true, nil, Failed},
		{"another build", false, []Observation{{Kind: BuildDiffers}}, Failed},
		{"a leftover of before", false, []Observation{{Kind: BuildLeft, Expected: true}}, Proven},
	} {
		if got := Judge(test.failed, test.all); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// holds gives the plan lines that it appends to package.mask, which has the line a/c.
func (d *drilled) holds(lines ...string) {
	d.ownRoot()
	d.before.write("etc/portage/package.mask", "a/c\n")
	d.in.Plan.Holds = map[string][]string{"/etc/portage/package.mask": lines}
}
