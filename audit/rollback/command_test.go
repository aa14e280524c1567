package rollback

import (
	"testing"

	"emaudit/audit"

	"github.com/google/go-cmp/cmp"
)

// Where a folder was named in place of PKGDIR, what reads or writes PKGDIR is
// told of it, and nothing else is.
func TestCommandsMeanThePKGDIRThatWasNamed(t *testing.T) {
	t.Parallel()
	named := audit.CommandsOf{PkgDir: "/srv/my packages"}
	for _, c := range []struct{ command, want string }{
		{"emerge --oneshot --usepkgonly =app-misc/hello-1-2", "PKGDIR='/srv/my packages' emerge --oneshot --usepkgonly =app-misc/hello-1-2"},
		{"emerge --pretend --oneshot --usepkgonly x", "PKGDIR='/srv/my packages' emerge --pretend --oneshot --usepkgonly x"},
		{"emerge --oneshot --usepkg=n --buildpkgonly x", "PKGDIR='/srv/my packages' emerge --oneshot --usepkg=n --buildpkgonly x"},
		{"emerge -pK x", "PKGDIR='/srv/my packages' emerge -pK x"},
		{"quickpkg --include-config=y x", "PKGDIR='/srv/my packages' quickpkg --include-config=y x"},
		{"touch -- f && emaint --fix binhost", "touch -- f && PKGDIR='/srv/my packages' emaint --fix binhost"},
		{"PKGDIR=/var/tmp/stage emerge --usepkgonly x", "PKGDIR=/var/tmp/stage emerge --usepkgonly x"},
		{"emerge --unmerge x", "emerge --unmerge x"},
		{"emerge --pretend @preserved-rebuild", "emerge --pretend @preserved-rebuild"},
		{"emerge --pretend --verbose --update --deep --newuse @world", "emerge --pretend --verbose --update --deep --newuse @world"},
		{"emaint merges --check", "emaint merges --check"},
		{"emaudit verify x", "emaudit --pkgdir '/srv/my packages' verify x"},
		{"read it, then emaudit verify x", "read it, then emaudit verify x"},
		{"", ""},
	} {
		if got := named.In(c.command); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if again := named.In(named.In(c.command)); again != c.want {
			t.Errorf("%s: told twice: %q", c.command, again)
		}
		if got := (audit.CommandsOf{}).In(c.command); got != c.command {
			t.Errorf("%q although no folder was named: %q", c.command, got)
		}
	}
	r := &Rollback{
		Plan: []string{"quickpkg a"}, Checks: []string{"dispatch-conf"}, Steps: []Step{{Commands: []string{"quickpkg a"}}}, Later: []Step{{Commands: []string{"emerge -K a"}}},
		Gaps: []Gap{{Remedy: "emerge --buildpkgonly a"}}, Unknowns: []Unknown{{SettleWith: "emerge -pK a"}}, Findings: []audit.Finding{{Remedy: "quickpkg a"}},
		Command: "emaudit rollback --to run:3",
	}
	rewriteRollback(audit.CommandsOf{PkgDir: "/p"}, r)
	want := &Rollback{
		Plan: []string{"PKGDIR=/p quickpkg a"}, Checks: []string{"dispatch-conf"}, Steps: []Step{{Commands: []string{"PKGDIR=/p quickpkg a"}}},
		Later: []Step{{Commands: []string{"PKGDIR=/p emerge -K a"}}}, Gaps: []Gap{{Remedy: "PKGDIR=/p emerge --buildpkgonly a"}},
		Unknowns: []Unknown{{SettleWith: "PKGDIR=/p emerge -pK a"}}, Findings: []audit.Finding{{Remedy: "PKGDIR=/p quickpkg a"}},
		Command: "emaudit --pkgdir /p rollback --to run:3",
	}
	if diff := cmp.Diff(want, r, cmp.AllowUnexported(Rollback{})); diff != "" {
		t.Error(diff)
	}
}
