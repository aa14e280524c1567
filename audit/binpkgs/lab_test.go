package binpkgs_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"emaudit/audit"
	"emaudit/internal/hosttest"
	"emaudit/internal/labtest"
)

// mended is one way in which a PKGDIR can be wrong, and what must be said of it.
type mended struct {
	code    string
	subject string // below PKGDIR
	damage  string // commands that make it so, run in PKGDIR
	// after are codes that the remedy leaves behind, because of what it does: a
	// quickpkg of a build has the build id of that build.
	after []string
	merge string // what Portage must merge afterwards, not only accept: hello-2.1
	conf  string // lines of make.conf
}

const hello = "app-misc/hello/hello-2.1-1.gpkg.tar"

// damageShell has what the damages are made with: edit leaves the index as old as it was, so that
// nothing but the edit is wrong with it.
const damageShell = `set -eu
hello=app-misc/hello/hello-2.1-1.gpkg.tar
edit() { touch -r Packages .stamp; sed -i "$@" Packages; gzip -c Packages > Packages.gz; touch -r .stamp Packages Packages.gz; rm .stamp; }
entry() { touch -r Packages .stamp; perl -00 -i -pe 'if (m{^CPV: app-misc/hello-2\.1$}m) { '"$1"' }' Packages; gzip -c Packages > Packages.gz; touch -r .stamp Packages Packages.gz; rm .stamp; }
flip() { touch -r "$1" .stamp; printf '\377' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; touch -r .stamp "$1"; rm .stamp; }
payload() { echo $(($(grep -abo 'image\.tar' "$1" | head -n 1 | cut -d: -f1) / 512 * 512 + 600)); }
old() { touch -d '2 days ago' "$@"; }
`

// packedAgain is what quickpkg leaves.
var packedAgain = []string{"binpkg-build-id-differs", "binpkg-not-as-merged"}

const hello21 = "=app-misc/hello-2.1"

var allMended = []mended{
	// What lies in the folder.
	{code: "binpkg-damaged", subject: hello, damage: `flip $hello $(payload $hello)`, after: packedAgain, merge: hello21},
	{code: "index-digest-mismatch", subject: hello, damage: `flip $hello $(($(stat -c %s $hello) - 1000))`, after: packedAgain, merge: hello21},
	{code: "binpkg-damaged", subject: hello, damage: `touch -r $hello .s; : > $hello; touch -r .s $hello; rm .s`, after: packedAgain, merge: hello21},
	{code: "binpkg-damaged", subject: hello, damage: `truncate -s 9000 $hello`, after: packedAgain, merge: hello21},
	{code: "binpkg-irregular", subject: hello, damage: `printf x >> $hello; truncate -s %10240 $hello`, after: packedAgain, merge: hello21},
	{code: "binpkg-damaged", subject: "app-misc/hello/hello-1.1-1.gpkg.tar", damage: `f=app-misc/hello/hello-1.1-1.gpkg.tar; flip $f $(payload $f)`, merge: "=app-misc/hello-1.1"},
	{
		code: "binpkg-damaged", subject: "app-misc/hello-2.1.gpkg.tar", damage: `mv $hello app-misc/hello-2.1.gpkg.tar; edit 's,hello/hello-2.1-1.gpkg,hello-2.1.gpkg,'; flip app-misc/hello-2.1.gpkg.tar 600`,
		conf: `FEATURES="${FEATURES} -binpkg-multi-instance"`, after: packedAgain, merge: hello21,
	},
	{code: "binpkg-config-stub", subject: "www-servers/tinyd/tinyd-1.26.1-2.gpkg.tar", merge: "=www-servers/tinyd-1.26.1"},
	{code: "binpkg-empty", subject: "app-misc/hello/hello-7-1.gpkg.tar", damage: `: > app-misc/hello/hello-7-1.gpkg.tar; old app-misc/hello/hello-7-1.gpkg.tar`},
	{code: "binpkg-misnamed", subject: "app-misc/hello/bonjour-2.1-1.gpkg.tar", damage: `mv $hello app-misc/hello/bonjour-2.1-1.gpkg.tar`},
	{code: "binpkg-misnamed", subject: "app-misc/hello/copy.gpkg.tar", damage: `cp -p $hello app-misc/hello/copy.gpkg.tar`},
	{code: "binpkg-misplaced", subject: "net-misc/hello/hello-2.1-1.gpkg.tar", damage: `mkdir net-misc/hello; mv $hello net-misc/hello/`},
	{code: "binpkg-misplaced", subject: "net-misc/hello/hello-2.1-1.gpkg.tar", damage: `mkdir net-misc/hello; cp -p $hello net-misc/hello/`},
	{code: "binpkg-collapsed", subject: "app-misc/hello/hello-2.1-2.gpkg.tar", damage: `cp -p $hello app-misc/hello/hello-2.1-2.gpkg.tar`},
	{code: "binpkg-collapsed", subject: hello, damage: `cp -p $hello app-misc/hello/hello-2.1-2.gpkg.tar; entry 's/hello-2.1-1.gpkg/hello-2.1-2.gpkg/'`, after: packedAgain},
	{code: "binpkg-checksum-failure", subject: hello + "._checksum_failure_.abc", damage: `mv $hello $hello._checksum_failure_.abc`, after: packedAgain, merge: hello21},
	{code: "binpkg-checksum-failure", subject: hello + "._checksum_failure_.abc", damage: `cp -p $hello $hello._checksum_failure_.abc`},
	{code: "pkgdir-temporary", subject: hello + "AbCdEfGh.4194303", damage: `cp $hello ${hello}AbCdEfGh.4194303; old ${hello}AbCdEfGh.4194303`},
	{code: "pkgdir-temporary", subject: "Packagesabcdefgh", damage: `cp Packages Packagesabcdefgh; old Packagesabcdefgh`},
	{code: "pkgdir-partial", subject: hello + ".partial", damage: `cp $hello $hello.partial; old $hello.partial`},
	{code: "pkgdir-lock", subject: ".Packages.portage_lockfile", damage: `: > .Packages.portage_lockfile; old .Packages.portage_lockfile`},
	{code: "binpkg-symlink", subject: "app-misc/hello/hello-8-1.gpkg.tar", damage: `ln -s hello-2.1-1.gpkg.tar app-misc/hello/hello-8-1.gpkg.tar`},
	{code: "binpkg-not-a-file", subject: "app-misc/hello/hello-9-1.gpkg.tar", damage: `mkfifo app-misc/hello/hello-9-1.gpkg.tar`},
	{code: "pkgdir-stray", subject: "-notes.txt", damage: `: > ./-notes.txt`},

	// The index against the files.
	{code: "index-lists-missing", subject: "app-misc/hello/hello-1.1-1.gpkg.tar", damage: `rm app-misc/hello/hello-1.1-1.gpkg.tar`},
	{code: "index-lists-missing", subject: hello, damage: `mv $hello app-misc/hello/h; ln -s h $hello`, after: []string{"binpkg-symlink", "pkgdir-stray"}, merge: "=app-misc/hello-1.1"},
	{code: "index-behind", subject: hello, damage: `entry '$_=""'`},
	{code: "index-digest-missing", subject: "Packages", damage: `entry 's/^(MD5|SHA1): .*\n//mg'`},
	{code: "index-size-stale", subject: hello, damage: `entry 's/^SIZE: .*/SIZE: 10240/m'`},
	{code: "index-mtime-stale", subject: hello, damage: `touch -d '2026-10-05 12:00' $hello`},
	{code: "index-entry-differs", subject: hello, damage: `entry 's/^BUILD_TIME: ./BUILD_TIME: 2/m'`},
	{code: "index-entry-differs", subject: hello, damage: `entry 's/^CPV: /SLOT: 7\nCPV: /m'`},
	{code: "index-digest-mismatch", subject: hello, damage: `entry 's/^(MD5|SHA1): ../$1: 00/mg'`},
	{code: "index-timestamp", subject: "Packages", damage: `touch -d '2026-10-06 12:00' Packages Packages.gz`},
	{code: "index-timestamp", subject: "Packages", damage: `edit 's/^TIMESTAMP: ./TIMESTAMP: 2/'`},
	{code: "index-missing", subject: "Packages", damage: `rm Packages Packages.gz`},
	{code: "index-gz-missing", subject: "Packages.gz", damage: `rm Packages.gz`},
	{code: "index-gz-stale", subject: "Packages.gz", damage: `touch -d '2026-10-06 12:00' Packages.gz`},
	{code: "index-gz-stale", subject: "Packages.gz", damage: `echo other | gzip > Packages.gz; touch -r Packages Packages.gz`},
	{code: "index-gz-stale", subject: "Packages.gz", damage: `echo garbage > Packages.gz; touch -r Packages Packages.gz`},

	// The text of the index.
	{code: "index-count", subject: "Packages", damage: `edit 's/^PACKAGES: .*/PACKAGES: 7/'`},
	{code: "index-cpv", subject: "Packages", damage: `entry 's/^CPV: .*\n//m'`},
	{code: "index-cpv", subject: "Packages", damage: `entry 's/^CPV: .*/CPV: hello/m'`},
	{code: "index-digest", subject: "Packages", damage: `entry 's/^MD5: .*/MD5: nonsense/m'`},
	{code: "index-duplicate-instance", subject: "Packages", damage: `sed -n '/^$/,$p' Packages | awk -v RS= '/hello-2.1\n/ {print; print ""}' > .e; touch -r Packages .s; cat .e >> Packages; touch -r .s Packages; rm .e .s`},
	{code: "index-duplicate-key", subject: "Packages", damage: `entry 's/^CPV: .*/$&\nSLOT: 7\nSLOT: 0/m'`},
	{code: "index-duplicate-path", subject: "Packages", damage: `edit 's/hello-1.1-2.gpkg/hello-2.1-1.gpkg/'`},
	{code: "index-early-end", subject: "Packages", damage: `entry 's/^BUILD_TIME/\n\nBUILD_TIME/m'`},
	{code: "index-encoding", subject: "Packages", damage: `entry 's/^CPV: .*/$&\nDESC: \xe9/m'`},
	{code: "index-line", subject: "Packages", damage: `entry 's/^CPV: .*/$&\nno key here/m'`},
	{code: "index-more", subject: "Packages", damage: `touch -r Packages .s; { head -n 1 Packages; yes garbage | head -n 2000; tail -n +2 Packages; } > .p; mv .p Packages; touch -r .s Packages; rm .s`},
	{code: "index-number", subject: "Packages", damage: `entry 's/^SIZE: .*/SIZE: many/m'`},
	{code: "index-path", subject: "Packages", damage: `entry 's,^PATH: .*,PATH: ../../../tmp/hello-2.1-1.gpkg.tar,m'`},
	{code: "index-refused", subject: "Packages", damage: `edit 's/^VERSION: .*/VERSION: 99/'`},
	{code: "index-refused", subject: "Packages", damage: `: > Packages; rm Packages.gz`},
	{code: "index-slot", subject: "Packages", damage: `entry 's/^CPV: .*/$&\nSLOT: -a-/m'`},
	{code: "index-torn", subject: "Packages", damage: `touch -r Packages .s; truncate -s -300 Packages; touch -r .s Packages; rm .s`},
}

// TestRemediesMendWhatTheyAreNamedFor makes a PKGDIR wrong in every way that has
// a finding with a command, runs the command with real Portage, and asks again:
// emaudit must have nothing left to say of it and nothing worse than before, and
// emaint nothing at all. Where the package itself was touched, Portage must
// merge it.
func TestRemediesMendWhatTheyAreNamedFor(t *testing.T) {
	l := labtest.Open(t)
	const name = "remedies"
	root := l.CopyOfAlpha(name)
	dir := filepath.Join(root, "var/cache/binpkgs")
	// A PKGDIR of which nobody has anything to say, and one package whose files
	// are there for quickpkg.
	l.Must("run", name, "bash", "-c", `cd /var/cache/binpkgs && rm app-misc/hello/copy-of-hello.gpkg.tar app-misc/hello/hello-2.0-1.gpkg.tar &&
		emaint --fix binhost && emerge --ask=n --oneshot --usepkgonly =app-misc/hello-2.1 && emaint --check binhost`)
	good := t.TempDir()
	shell(t, root, `cp -a --parents var/cache/binpkgs var/db/pkg etc/portage/make.conf "$1"`, good)
	before := integrityNow(t, root)
	for i, m := range allMended {
		t.Run(fmt.Sprintf("%02d %s", i, m.code), func(t *testing.T) {
			l := *l
			l.T = t
			shell(t, root, `rm -r var/cache/binpkgs var/db/pkg; cp -a "$1/." .; printf '%s\n' "$2" >> etc/portage/make.conf`, good, m.conf)
			shell(t, dir, damageShell+m.damage)
			subject := filepath.Join("/var/cache/binpkgs", m.subject)
			said := integrityNow(t, root)
			i := slices.IndexFunc(said, func(f audit.Finding) bool { return f.Code == m.code && f.Subject == subject })
			if i < 0 {
				t.Fatalf("emaudit does not say it: %v", said)
			}
			remedy := said[i].Remedy
			t.Log(remedy)
			if out, err := l.Run("run", name, "bash", "-c", "set -eu\n"+remedy.String()); err != nil {
				t.Errorf("%s: %v\n%s", remedy, err, labtest.Tail(out))
			}
			for _, f := range integrityNow(t, root) {
				same := func(g audit.Finding) bool { return f.Code == g.Code && f.Subject == g.Subject }
				if f.Code == m.code && f.Subject == subject || !slices.ContainsFunc(before, same) && !slices.Contains(m.after, f.Code) {
					t.Errorf("after %s: %s %s %s: %s", remedy, f.Severity, f.Code, f.Subject, f.Message)
				}
			}
			// Without merging, Portage compares size and digests.
			check := "emaint --check binhost && emerge --ask=n --oneshot --usepkgonly --nodeps "
			if m.merge == "" {
				check += "--fetchonly " + hello21
			} else {
				check += m.merge
			}
			if out, err := l.Run("run", name, "bash", "-c", check); err != nil || strings.Contains(out, "!!!") {
				t.Errorf("after %s Portage says: %v\n%s", remedy, err, labtest.Tail(out))
			}
		})
	}
}

// integrityNow is what emaudit says of the binary packages of a host that it
// sees for the first time, after it has read all of them.
func integrityNow(t *testing.T, root string) []audit.Finding {
	t.Helper()
	host, now := hosttest.New(t, root), time.Now().Unix()
	host.Ingest(now)
	host.Verify(now)
	return askIntegrity(t, host, now).Findings
}

// shell runs a script in a folder.
func shell(t *testing.T, dir, script string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{"-c", script, "bash"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
