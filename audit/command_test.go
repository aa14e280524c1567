package audit_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"emaudit/audit"
)

// A command becomes text for the place where it is typed: on the host itself, beside
// a root that lies in a folder, in a Prefix, or for another PKGDIR than Portage's.
func TestCommandsAreForTheirPlace(t *testing.T) {
	t.Parallel()
	root := audit.Place{Root: "/mnt/x", Database: "/tmp/x y.db"}
	named := audit.Place{PkgDir: "/srv/my packages"}
	for _, test := range []struct {
		what    string
		command audit.Command
		place   audit.Place
		want    string
	}{
		{"a program of the host", audit.Run("emerge", "--oneshot", "=a/b-1"), audit.Place{}, `emerge --oneshot "=a/b-1"`},
		{"a program of a root", audit.Run("emerge", "--oneshot", "=a/b-1"), root, `chroot /mnt/x emerge --oneshot "=a/b-1"`},
		{"the running system is entered by nobody", audit.Run("emerge", "-p"), audit.Place{Root: "/"}, "emerge -p"},
		{"an environment", audit.Run("emerge", "-K", "a/b").With("PKGDIR=/s t"), audit.Place{}, "PKGDIR='/s t' emerge -K a/b"},
		{"an environment in a root", audit.FixIndex.With("PKGDIR=/s"), root, "chroot /mnt/x env PKGDIR=/s emaint --fix binhost"},
		{"files of a root", audit.Files("rm", "--", "/var/a b"), root, "rm -- '/mnt/x/var/a b'"},
		{"a line for a file", audit.AppendLine("=a/b-1 **", "/etc/portage/p.k"), root, "echo '=a/b-1 **' >> /mnt/x/etc/portage/p.k"},
		{"lines for a file", audit.AppendLines([]string{">a/b-1:0", "c/d"}, "/f"), audit.Place{}, `printf '%s\n' '>a/b-1:0' c/d >> /f`},
		{"emaudit itself", audit.Emaudit("verify", "/p/a b"), root, "emaudit --root /mnt/x --db '/tmp/x y.db' verify '/p/a b'"},
		{"emaudit in a Prefix", audit.Emaudit("states"), audit.Place{EPrefix: "/gentoo"}, "emaudit --eprefix /gentoo states"},
		{"a program of a Prefix", audit.FixIndex, audit.Place{EPrefix: "/gentoo"}, "/gentoo/usr/sbin/emaint --fix binhost"},
		{"a program of a Prefix in a root", audit.Run("emerge", "-p"), audit.Place{Root: "/mnt/x", EPrefix: "/gentoo"}, "chroot /mnt/x /gentoo/usr/bin/emerge -p"},
		{"a line for a folder", audit.AppendLine("=a/b-1", "/etc/portage/package.mask"), audit.Place{EPrefix: "/gentoo", Folders: []string{"package.mask"}}, `echo "=a/b-1" >> /gentoo/etc/portage/package.mask/emaudit`},
		{"a script of a root", audit.Script(`cd "$(x)" && y`), root, `chroot /mnt/x sh -c 'cd "$(x)" && y'`},
		{"quickpkg writes PKGDIR", audit.Run("quickpkg", "=a/b-1"), named, `PKGDIR='/srv/my packages' quickpkg "=a/b-1"`},
		{"emaint reads PKGDIR", audit.FixIndex, named, "PKGDIR='/srv/my packages' emaint --fix binhost"},
		{"another module of emaint does not", audit.Run("emaint", "--check", "merges"), named, "emaint --check merges"},
		{"emerge with binary packages does", audit.Run("emerge", "--usepkgonly", "a/b"), named, "PKGDIR='/srv/my packages' emerge --usepkgonly a/b"},
		{"emerge without does not", audit.Run("emerge", "-1", "a/b"), named, "emerge -1 a/b"},
		{"a PKGDIR of its own stays", audit.FixIndex.With("PKGDIR=/s"), named, "PKGDIR=/s emaint --fix binhost"},
		{"emaudit for another PKGDIR", audit.Emaudit("prune"), named, "emaudit --pkgdir '/srv/my packages' prune"},
	} {
		if got := test.command.At(test.place).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
	}
}

// A command is carried out without a shell inside the root, wherever that lies.
func TestCommandsAreExecuted(t *testing.T) {
	t.Parallel()
	root := audit.Place{Root: "/mnt/x", EPrefix: "/gentoo", PkgDir: "/srv/my packages"}
	for _, test := range []struct {
		command        audit.Command
		env, argv      string
		appendTo, what string
	}{
		{audit.Run("emerge", "-K", "=a/b-1"), "PKGDIR=/srv/my packages", "/gentoo/usr/bin/emerge|-K|=a/b-1", "", "a program"},
		{audit.FixIndex.With("PKGDIR=/s t"), "PKGDIR=/s t", "/gentoo/usr/sbin/emaint|--fix|binhost", "", "an environment"},
		{audit.Files("cp", "-p", "/var/a b", "/s"), "", "cp|-p|/var/a b|/s", "", "files"},
		{audit.AppendLines([]string{"c/d"}, "/etc/f"), "", "printf|%s\\n|c/d", "/gentoo/etc/f", "lines for a file"},
		{audit.Emaudit("states"), "", "emaudit|--eprefix|/gentoo|--pkgdir|/srv/my packages|states", "", "emaudit itself"},
		{audit.Script("a && b"), "", "sh|-c|a && b", "", "a script"},
	} {
		env, argv, appendTo := test.command.At(root).Exec()
		if strings.Join(env, "|") != test.env || strings.Join(argv, "|") != test.argv || appendTo != test.appendTo {
			t.Errorf("%s: %q %q %q", test.what, env, argv, appendTo)
		}
	}
}

// A remedy is commands, or advice, or both; JSON has it as the line that is shown.
func TestARemedyIsOneLine(t *testing.T) {
	t.Parallel()
	rm, fix := audit.Do(audit.Files("rm", "--", "/p/a && b")), audit.Do(audit.FixIndex)
	for _, test := range []struct {
		remedy audit.Remedy
		want   string
	}{
		{audit.Remedy{}, ""},
		{rm.Then(fix), "rm -- '/p/a && b' && emaint --fix binhost"},
		{audit.Advise("wait for the build to end"), "wait for the build to end"},
		{fix.When("after the build"), "after the build: emaint --fix binhost"},
		{rm.Then(fix).At(audit.Place{PkgDir: "/q"}), "rm -- '/p/a && b' && PKGDIR=/q emaint --fix binhost"},
	} {
		text, err := json.Marshal(test.remedy)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(text, &got); err != nil || got != test.want || test.remedy.String() != test.want {
			t.Errorf("%s, %v, want %s", text, err, test.want)
		}
	}
}

// FuzzCommand holds that a shell reads back every word as it was, whatever is in it.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{"a b", "=a/b-1", "-", "'", "a\nb\x01\x7f2", "$x`y`", `\'`, "\xff", "~", "*?[]", "A=b c", "é"} {
		f.Add(seed)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		f.Skip("there is no bash to read commands")
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.ContainsRune(word, 0) {
			t.Skip("no argument of a program holds a NUL")
		}
		text := audit.Run("printf", "%s.", word).With("X=" + word).String()
		out, err := exec.Command(bash, "-c", text).Output()
		if err != nil || string(out) != word+"." {
			t.Errorf("%q: %s gives %q, %v", word, text, out, err)
		}
	})
}
