package rollback

import "testing"

func TestGlibcRefusesItsDowngrade(t *testing.T) {
	t.Parallel()
	const phases = "compile configure install postinst preinst prepare pretend setup test unpack"
	for _, tt := range []struct {
		installed, cpv, phases string
		want                   bool
	}{
		{"sys-libs/glibc-2.40-r2", "sys-libs/glibc-2.39-r6", phases, true},
		{"sys-libs/glibc-2.20", "sys-libs/glibc-2.19-r1", "install setup", true},
		{"sys-libs/glibc-2.40-r5", "sys-libs/glibc-2.40-r2", phases, false}, // only the revision
		{"sys-libs/glibc-2.39", "sys-libs/glibc-2.40", phases, false},
		{"sys-libs/glibc-2.40", "sys-libs/glibc-2.39", "install postinst", false}, // an ebuild without the check
		{"sys-libs/musl-1.2.5", "sys-libs/musl-1.2.4", phases, false},
	} {
		if got := refusesDowngrade(tt.installed, tt.cpv, tt.phases); got != tt.want {
			t.Errorf("%s over %s, phases %q: %v, want %v", tt.cpv, tt.installed, tt.phases, got, tt.want)
		}
	}
}
