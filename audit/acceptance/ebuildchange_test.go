package acceptance

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/store"
)

// TestWhatChangedInTheEbuild compares a build of foo-tool, as the recorded host
// has it, with ebuilds that changed since.
func TestWhatChangedInTheEbuild(t *testing.T) {
	t.Parallel()
	built := &store.Metadata{EAPI: "8", Use: "amd64 nls", IUse: "+nls debug", RDepend: "sys-libs/libfoo:0/2= >=sys-libs/glibc-2.40-r2"}
	for _, tt := range []struct {
		name   string
		ebuild string
		want   []string
	}{
		{"nothing, but for what a build adds", "EAPI=8\nIUSE=nls +debug\nRDEPEND=sys-libs/libfoo:=\n", nil},
		{"a flag came", "EAPI=8\nIUSE=nls debug python_targets_python3_13\nRDEPEND=sys-libs/libfoo:=\n", []string{"iuse-changed"}},
		{"a flag went", "EAPI=8\nIUSE=nls\nRDEPEND=sys-libs/libfoo:=\n", []string{"iuse-changed"}},
		{"a dependency came", "EAPI=8\nIUSE=nls debug\nRDEPEND=sys-libs/libfoo:= app-misc/hello\n", []string{"dependencies-changed"}},
		{"one for a flag that is off", "EAPI=8\nIUSE=nls debug\nRDEPEND=sys-libs/libfoo:= debug? ( app-misc/hello )\n", nil},
		{"a version is asked for", "EAPI=8\nIUSE=nls debug\nRDEPEND=>=sys-libs/libfoo-2:=\n", []string{"dependencies-changed"}},
		{"one that is left out of an installation", "EAPI=8\nIUSE=nls debug\nRDEPEND=sys-libs/libfoo:=\nIDEPEND=app-misc/hello\n", []string{"dependencies-changed"}},
		{"what cannot be read says nothing", "EAPI=8\nIUSE=nls debug\nRDEPEND=( sys-libs/libfoo\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := userconf.ParseCacheEntry([]byte(tt.ebuild))
			var got []string
			for _, r := range judgeEbuild(&atom.Package{USE: atom.ParseFlags(built.Use)}, built, e) {
				if r.Effect != EffectNote {
					t.Errorf("%s is not a note", r.Code)
				}
				got = append(got, r.Code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestProcessorJudges(t *testing.T) {
	t.Parallel()
	haswell := parseProcessor([]byte("vendor_id : GenuineIntel\nflags : fpu cx8 cmov mmx fxsr sse sse2 cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave pclmulqdq rdrand fsgsbase\n"))
	for _, tt := range []struct {
		name, cflags, use string
		p                 processor
		here              bool
		want              Usable
	}{
		{"no -march", "-O2 -pipe", "", processor{}, false, UsableYes},
		{"a level that it has", "-O2 -march=x86-64-v3", "", haswell, false, UsableYes},
		{"a level that it lacks", "-O2 -march=x86-64-v4", "", haswell, false, UsableNo},
		{"itself", "-march=haswell", "", haswell, false, UsableYes},
		{"a newer one", "-march=znver4", "", haswell, false, UsableNo},
		{"the last -march counts", "-march=znver4 -march=x86-64", "", haswell, false, UsableYes},
		{"one that is not known", "-march=nonesuch", "", haswell, false, UsableUnknown},
		{"native, from anywhere", "-march=native", "", haswell, false, UsableUnknown},
		{"native, and it was installed here", "-march=native", "", haswell, true, UsableYes},
		{"a processor that is not known", "-march=x86-64-v3", "", processor{}, false, UsableUnknown},
		{"flags that it has", "", "cpu_flags_x86_avx2 cpu_flags_x86_fma3 cpu_flags_x86_sse3", haswell, false, UsableYes},
		{"flags that it lacks", "", "cpu_flags_x86_avx512f", haswell, false, UsableNo},
	} {
		if got := Usability(tt.p.judge(tt.cflags, "", tt.use, tt.here)); got != tt.want {
			t.Errorf("%s: want %s, got %s", tt.name, tt.want, got)
		}
	}
}
