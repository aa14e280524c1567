package cleanup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/parse/userconf"
	"emaudit/store"
	"emaudit/store/inventory"
)

// TestWhatChangedInTheEbuildSpeaksAgainstAYoungFile plans for a young binary
// package that no state needs, as the policy, the profile and the default options
// have it: young files are kept, unless Portage would build them anew.
func TestWhatChangedInTheEbuildSpeaksAgainstAYoungFile(t *testing.T) {
	t.Parallel()
	same := userconf.CacheEntry{EAPI: "8", IUSE: "+nls debug", RDepend: "sys-libs/libfoo:="}
	for _, tt := range []struct {
		name    string
		ebuild  userconf.CacheEntry
		there   bool
		settled []string
		options string
		want    string
	}{
		{"the ebuild is as it was", same, true, nil, "", ""},
		{"there is no ebuild to compare with", userconf.CacheEntry{}, false, nil, "", ""},
		{"a flag came", userconf.CacheEntry{EAPI: "8", IUSE: "nls debug new", RDepend: same.RDepend}, true, nil, "", PruneChangedIUSE},
		{"a flag came that a profile masks", userconf.CacheEntry{EAPI: "8", IUSE: "nls debug new", RDepend: same.RDepend}, true, []string{"new"}, "", ""},
		{"another flag came besides", userconf.CacheEntry{EAPI: "8", IUSE: "nls debug new newer", RDepend: same.RDepend}, true, []string{"new"}, "", PruneChangedIUSE},
		{"a dependency came", userconf.CacheEntry{EAPI: "8", IUSE: "nls debug", RDepend: same.RDepend + " app-misc/hello"}, true, nil, "", PruneChangedDeps},
		{"Portage is told not to look at flags", userconf.CacheEntry{EAPI: "8", IUSE: "nls debug new", RDepend: same.RDepend}, true, nil, "--binpkg-respect-use=n", ""},
		{"Portage is told not to look at dependencies", userconf.CacheEntry{EAPI: "8", IUSE: "nls debug", RDepend: "app-misc/hello"}, true, nil, "--jobs=2 --binpkg-changed-deps=n", ""},
		{"Portage takes nothing but binary packages", userconf.CacheEntry{EAPI: "8", IUSE: "new"}, true, nil, "-avK", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &pruner{Judge: &rollback.Judge{Accept: acceptance.NewAcceptance()}}
			p.Accept.Settings["EMERGE_DEFAULT_OPTS"] = tt.options
			p.facts.CacheEntry = func(_, cpv string) (userconf.CacheEntry, bool) { return tt.ebuild, tt.there && cpv == "app-misc/foo-1" }
			p.facts.SettledFlags = func() map[string]bool {
				all := map[string]bool{}
				for _, f := range tt.settled {
					all[f] = true
				}
				return all
			}
			p.readDefaultOptions()
			b := &binpkgs.Binpkg{Instance: &inventory.Instance{CPV: "app-misc/foo-1", Traits: &inventory.Traits{Repo: "lab"}, Metadata: &store.Metadata{EAPI: "8", Use: "nls", IUse: "+nls debug", RDepend: "sys-libs/libfoo:0/2="}}}
			code, reason := p.changedSince(b)
			if code != tt.want || (code == "") != (reason == "") {
				t.Errorf("%q (%s), want %q", code, reason, tt.want)
			}
		})
	}
}

// What a kept state needs stays, whatever became of its ebuild: --usepkgonly
// takes it. What nothing needs gets a reason of its own.
func TestAChangedEbuildCostsNoKeptState(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		there := PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }}
		before, err := PlanPrune(db, PrunePolicy{KeepStates: 3}, there)
		if err != nil {
			return err
		}
		there.CacheEntry = func(string, string) (userconf.CacheEntry, bool) {
			return userconf.CacheEntry{EAPI: "8", IUSE: "no-build-has-this"}, true
		}
		after, err := PlanPrune(db, PrunePolicy{KeepStates: 3}, there)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(before.Kept, after.Kept); diff != "" {
			t.Errorf("kept (-as it was +after all ebuilds changed):\n%s", diff)
		}
		changed := 0
		for _, c := range after.Candidates {
			if c.Code == PruneChangedIUSE {
				changed++
			}
		}
		if changed < 50 {
			t.Errorf("%d candidates are called changed, want most", changed)
		}
		return nil
	})
}

func TestSystemIsWhatTheProfilesSay(t *testing.T) {
	t.Parallel()
	base := []byte("# base\n*sys-apps/baselayout\n*>=sys-apps/portage-3\napp-misc/not-of-it\n*virtual/libc\n*app-editors/nano\n")
	child := []byte("-*app-editors/nano\n*sys-apps/portage\n*not an atom\n")
	want := []string{"sys-apps/baselayout", "sys-apps/portage", "virtual/libc"}
	if diff := cmp.Diff(want, SystemPackages([][]byte{base, child})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A package of @system is kept three times as long as the others.
func TestSystemIsKeptForLonger(t *testing.T) {
	t.Parallel()
	const file = "sys-apps/bigthing/bigthing-1.0-1.gpkg.tar"
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		for _, system := range [][]string{{"sys-apps/portage"}, {"sys-apps/portage", "sys-apps/bigthing"}} {
			plan, err := PlanPrune(db, PrunePolicy{KeepStates: 15}, PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }, System: system})
			if err != nil {
				return err
			}
			candidates, kept := plan.Explain(file)
			if of := len(system) == 2; of != (len(kept) == 1 && kept[0].Code == KeepImportant) {
				t.Errorf("@system is %q: %+v, %+v", system, candidates, kept)
			}
		}
		return nil
	})
}

// A whole file that Portage does not see may be the last copy all the same.
func TestAStrayLastCopyIsKept(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	top := filepath.Join(root, "var/cache/binpkgs/app-misc/blockerA")
	if err := os.Rename(filepath.Join(top, "blockerA-1.0-1.gpkg.tar"), filepath.Join(top, "stray.gpkg.tar")); err != nil {
		t.Fatal(err)
	}
	h := hosttest.New(t, root)
	h.Ingest(hosttest.Now)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		for state, want := range map[acceptance.EbuildState]string{acceptance.EbuildGone: KeepLastCopy, acceptance.EbuildUnknown: KeepLastCopy, acceptance.EbuildThere: PruneUnseen} {
			plan, err := PlanPrune(db, PrunePolicy{KeepLastCopies: true}, PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return state }})
			if err != nil {
				return err
			}
			candidates, kept := plan.Explain("app-misc/blockerA/stray.gpkg.tar")
			got := ""
			for _, c := range candidates {
				got = c.Code
			}
			for _, k := range kept {
				got = k.Code
			}
			if got != want {
				t.Errorf("its ebuild is %d: %q, want %q", state, got, want)
			}
		}
		return nil
	})
}
