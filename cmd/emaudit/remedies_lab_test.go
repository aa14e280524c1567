package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"emaudit/internal/labtest"
)

// harm breaks a host in one way. emaudit must report it, and be content after the
// remedy that it prints was carried out.
type harm struct {
	what          string
	ask           string // the command or audit that reports it
	code, subject string // of the finding; subject is a part of it
	do            string // for a shell in the host
	remedy        string // a part of the remedy
}

// harms are the kinds of remedies. They are carried out one after the other.
var harms = []harm{
	{"an entry without a file", "integrity", "index-lists-missing", "nanoo-8.0-1", "true", "emaint --fix binhost"},
	{"a wrong digest in the index", "integrity", "index-digest-mismatch", "foo-viewer-0.5-1", "/tmp/emaudit --quiet --db /root/r.db verify /var/cache/binpkgs/app-misc/foo-viewer; sed -i 's/^SHA1: 3ee407/SHA1: 0ee407/' /var/cache/binpkgs/Packages", "touch -- "},
	{"an empty file", "integrity", "binpkg-empty", "hello-2.0-1", "true", "rm -- "},
	{"a second copy under a wrong name", "integrity", "binpkg-misnamed", "copy-of-hello", "true", "rm -- "},
	{"the only copy under a wrong name", "integrity", "binpkg-misnamed", "elsewhere", "cd /var/cache/binpkgs/app-misc/needsold; mv needsold-1.0-r1-1.gpkg.tar elsewhere.gpkg.tar", "mv -n -- "},
	{"a leftover of a build", "integrity", "pkgdir-temporary", ".4711", "cd /var/cache/binpkgs/app-misc/hello; cp hello-1.1-1.gpkg.tar hello-1.1-1.gpkg.tar.4711; touch -d 2026-09-01 *.4711", "rm -- "},
	{"a file that Portage renamed", "integrity", "binpkg-checksum-failure", "_checksum_failure_", "cd /var/cache/binpkgs/app-misc/warny; mv warny-0.1-1.gpkg.tar warny-0.1-1.gpkg.tar._checksum_failure_.x; touch -d 2026-09-01 *.x", "rm -- "},
	{"a damaged file of a state", "integrity", "binpkg-damaged", "warny-0.3-2", "cd /var/cache/binpkgs/app-misc/warny; truncate -s 5000 warny-0.3-2.gpkg.tar; touch -d 2026-09-01 *", "--buildpkgonly"},
	{"a damaged file that nothing needs", "integrity", "binpkg-damaged", "hello-2.0_rc1-1", "cd /var/cache/binpkgs/app-misc/hello; truncate -s 5000 hello-2.0_rc1-1.gpkg.tar; touch -d 2026-09-01 *", "rm -- "},
	{"a package that was never packaged", "coverage", "binpkg-missing", "app-crypt/sigtool", "FEATURES=-buildpkg emerge --ask=n -q --oneshot --nodeps --usepkg=n =app-crypt/sigtool-2.4.5", "quickpkg"},
	{"a keyword", "compatibility", "keywords-refused", "livething", "rm -r /etc/portage/package.accept_keywords/live", "/etc/portage/package.accept_keywords/emaudit"},
	{"a license", "compatibility", "license-refused", "restricted-1.6", "echo 'app-misc/restricted -*' > /etc/portage/package.license", ">> /etc/portage/package.license"},
	{"a mask, and an empty folder for its exception", "compatibility", "package-masked", "emptypkg", "echo '=app-misc/emptypkg-1' >> /etc/portage/package.mask; mkdir -p /etc/portage/package.unmask", "/etc/portage/package.unmask/emaudit"},
	{"a hold", "rollback", "rollback-hold", "package.mask", "printf '%s\\n' '# emaudit hold run:83' '>app-misc/warny-0.2:0' '' >> /etc/portage/package.mask", "sed -i"},
	{"an ebuild that is gone, of what is installed", "rollback", "rollback-gap", "app-misc/hello-2.1", "rm /var/db/repos/lab/app-misc/hello/hello-2.1.ebuild", "cp /var/db/pkg/app-misc/hello-2.1/"},
	{"an ebuild that is gone", "rollback", "rollback-gap", "app-misc/warny-0.3", "cd /var/db/repos/lab && git rm -q app-misc/warny/warny-0.3.ebuild && git -c user.name=x -c user.email=x@y commit -qm gone; rm /var/cache/binpkgs/app-misc/warny/warny-0.3-*", "git -C /var/db/repos/lab archive"},
	{"an ebuild that is gone, of a shallow repository", "rollback", "rollback-gap", "app-misc/warny-0.3", "cd /var/db/repos && rm -f emaudit/app-misc/warny/warny-0.3.ebuild /var/cache/binpkgs/app-misc/warny/warny-0.3-*; cd lab && git rm -q --ignore-unmatch app-misc/warny/warny-0.3.ebuild && git -c user.name=x -c user.email=x@y commit -qm gone --allow-empty && cp -a . ../upstream && git remote remove origin; git remote add origin file:///var/db/repos/upstream && git fetch -q --depth 1 origin HEAD", "git -C /var/db/repos/lab fetch --unshallow"},
	{"an installed file is gone, and no package", "coverage", "installed-files-missing", "app-misc/hello", "git -C /var/db/repos/lab checkout -q app-misc/hello; FEATURES=-buildpkg emerge --ask=n -q --oneshot --nodeps --usepkg=n =app-misc/hello-2.1; rm -f /usr/bin/hello", "emerge --oneshot"},
	{"a preserved library", "update", "preserved-libs", "sys-libs/libfoo", "mkdir -p /etc/env.d; echo LDPATH=/usr/lib64 > /etc/env.d/99lab; env-update --no-ldconfig; for p in sys-libs/libfoo-1.0 app-misc/foo-tool-1.2.3 sys-libs/libfoo-2.0.1; do emerge --ask=n -q --oneshot --nodeps -K =$p || exit; done", "emerge @preserved-rebuild"},
	{"two versions in a slot", "update", "slot-shared", "app-misc/hello:0", "cd /var/db/pkg/app-misc; cp -a hello-2.1 hello-2.0; mv hello-2.0/hello-2.1.ebuild hello-2.0/hello-2.0.ebuild; echo hello-2.0 > hello-2.0/PF; echo 1 > hello-2.0/COUNTER", "emerge --oneshot"},
	{"an interrupted merge", "update", "merge-cut", "sys-apps/bigthing", "true", "emerge --oneshot"},
	{"no binary packages are made", "doctor", "buildpkg-off", "FEATURES", "sed -i 's/buildpkg binpkg-multi-instance//' /etc/portage/make.conf", "make.conf"},
	{"a rebuild overwrites", "doctor", "multi-instance-off", "FEATURES", "echo 'FEATURES=\"${FEATURES} -binpkg-multi-instance\"' >> /etc/portage/make.conf", "make.conf"},
	{"the old format", "doctor", "format-xpak", "BINPKG_FORMAT", "echo 'BINPKG_FORMAT=\"xpak\"' >> /etc/portage/make.conf", "make.conf"},
	{"no build logs", "doctor", "logdir-unset", "PORTAGE_LOGDIR", "sed -i '/^PORTAGE_LOGDIR/d' /etc/portage/make.conf", "make.conf"},
	{"no messages", "doctor", "elog-not-saved", "PORTAGE_ELOG_SYSTEM", "echo 'PORTAGE_ELOG_SYSTEM=\"echo\"' >> /etc/portage/make.conf", "make.conf"},
	{"a package that is not signed", "integrity", "binpkg-unsigned", "hello-1.1-1", signing, "gpkg-sign"},
}

// signing makes a key, and has Portage sign with it and take no package without a
// signature. It comes last: every other package is refused then.
const signing = `sed s/emaint/gpkg-sign/ "$(command -v emaint)" > /usr/bin/gpkg-sign && chmod +x /usr/bin/gpkg-sign &&
mkdir -m 700 /root/gnupg && gpg -q --homedir /root/gnupg --batch --passphrase '' --quick-gen-key lab@lab rsa3072 sign never &&
cp -r /root/gnupg /etc/portage/ && rm -rf /etc/portage/gnupg/private-keys-v1.d /etc/portage/gnupg/S.* && chown -R nobody /etc/portage/gnupg &&
printf '%s\n' 'FEATURES="${FEATURES} binpkg-signing binpkg-request-signature"' 'BINPKG_GPG_SIGNING_GPG_HOME="/root/gnupg"' 'BINPKG_GPG_SIGNING_KEY="lab@lab"' >> /etc/portage/make.conf`

// TestRemediesWorkWithPortage breaks a copy of the recorded host in each way, and lets
// real Portage carry out what emaudit prints. EMAUDIT_LAB_HARM is a regular expression
// for the ways to try.
func TestRemediesWorkWithPortage(t *testing.T) {
	t.Parallel()
	lab := labtest.Open(t)
	program := filepath.Join(t.TempDir(), "emaudit")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	only := regexp.MustCompile(os.Getenv("EMAUDIT_LAB_HARM"))
	root := lab.CopyOfAlpha("remedies")
	for _, h := range harms {
		if !only.MatchString(h.what) {
			continue
		}
		in := func(script string) (string, error) {
			return lab.Run("run", "remedies", "--bind", program+"=/tmp/emaudit", "bash", "-c", script)
		}
		question := map[string]string{"doctor": "doctor", "rollback": "rollback --to run:82"}[h.ask]
		if question == "" {
			question = "audit " + h.ask
		}
		find := func() (found []string) {
			t.Helper()
			out, err := in("/tmp/emaudit --quiet --db /root/r.db --format json --fail-on never " + question + " > /root/answer.json || [ $? = 4 ]")
			var answer struct {
				Findings []struct{ Code, Subject, Remedy string }
			}
			if err == nil {
				var text []byte
				if text, err = os.ReadFile(filepath.Join(root, "root/answer.json")); err == nil {
					err = json.Unmarshal(text, &answer)
				}
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", question, err, out)
			}
			for _, f := range answer.Findings {
				if f.Code == h.code && strings.Contains(f.Subject, h.subject) && f.Remedy != "" {
					found = append(found, strings.TrimPrefix(f.Remedy, "to let the newer versions in again: "))
				}
			}
			return found
		}
		started := time.Now()
		if out, err := in(h.do); err != nil {
			t.Errorf("%s: the host could not be broken: %v\n%s", h.what, err, labtest.Tail(out))
			continue
		}
		remedies := find()
		if len(remedies) == 0 {
			t.Errorf("%s: emaudit does not report %s", h.what, h.code)
			continue
		}
		for _, r := range remedies {
			if !strings.Contains(r, h.remedy) {
				t.Errorf("%s: want %q in the remedy %s", h.what, h.remedy, r)
			}
			if out, err := in(r); err != nil {
				t.Errorf("%s: the remedy fails: %v\n%s\n%s", h.what, err, r, labtest.Tail(out))
			}
		}
		if left := find(); len(left) > 0 {
			t.Errorf("%s: after %q emaudit still says %q", h.what, remedies, left)
		}
		t.Logf("%s: %v: %q", h.what, time.Since(started).Round(time.Second), remedies)
	}
}
