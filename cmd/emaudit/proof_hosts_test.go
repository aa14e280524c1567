package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/internal/labtest"
)

// recordedHost is a host whose history the proof records with real Portage. Its
// ebuild repository has epochs 1 to 8, each with newer versions.
type recordedHost struct {
	name     string
	features string
	overlay  bool
	history  []recordedStep
}

// recordedStep is one change by the administrator, with the command that follows.
type recordedStep struct {
	date    string
	epoch   int               // of the repository, synced before; 0 for no sync
	write   map[string]string // files, appended to
	remove  []string          // files of PKGDIR
	command string
	fails   bool
}

var recordedHosts = []recordedHost{
	// Every build is kept. USE, slots, sub-slots and edited configuration change.
	{name: "proof-desk", features: "buildpkg binpkg-multi-instance", history: []recordedStep{
		{date: "2026-03-01 10:00", epoch: 1, command: "emerge app-misc/hello app-misc/foo-tool media-gfx/imgview www-servers/tinyd dev-python/labmod x11-libs/gtk+:2"},
		{date: "2026-03-25 09:00", epoch: 2, command: "emerge --update --deep app-misc/hello app-misc/foo-tool"},
		{
			date: "2026-04-12 08:00", epoch: 3, write: map[string]string{"etc/portage/package.use/hello": "app-misc/hello debug\n", "etc/tinyd/tinyd.conf": "port=8080\n"},
			command: "emerge --update --deep --newuse app-misc/hello app-misc/foo-tool dev-python/labmod",
		},
		{date: "2026-05-10 09:00", epoch: 4, command: "emerge --update --deep media-gfx/imgview www-servers/tinyd"},
		{date: "2026-05-11 21:00", write: map[string]string{"etc/portage/package.use/labmod": "dev-python/labmod python_targets_python3_12\n"}, command: "emerge --newuse --oneshot dev-python/labmod"},
		{date: "2026-06-08 07:00", epoch: 5, command: "emerge --update --deep app-misc/hello app-misc/foo-tool"},
		{date: "2026-06-09 07:00", command: "emerge x11-libs/gtk+:3"},
		{date: "2026-06-10 07:00", command: "emerge --unmerge x11-libs/gtk+:2"},
		{date: "2026-07-05 07:00", epoch: 6, write: map[string]string{"etc/tinyd/tinyd.conf": "workers=4\n"}, command: "emerge --update www-servers/tinyd"},
		{date: "2026-07-06 07:00", command: "USE=-nls emerge --keep-going --oneshot dev-util/failinst app-misc/hello", fails: true},
		{date: "2026-09-15 07:00", epoch: 8, command: "FEATURES=-buildpkg emerge --update app-misc/hello"},
		{date: "2026-09-16 07:00", command: "emerge --oneshot app-misc/hello app-misc/foo-tool"},
	}},
	// One build of a version is kept. Binary packages get lost, phases fail.
	{name: "proof-server", features: "buildpkg -binpkg-multi-instance", overlay: true, history: []recordedStep{
		{date: "2026-03-02 10:00", epoch: 1, command: "emerge net-im/chatterd app-backup/snapr app-misc/restricted app-misc/warny mail-filter/spamcheck"},
		{date: "2026-04-15 10:00", epoch: 3, command: "emerge --update --deep net-im/chatterd app-backup/snapr mail-filter/spamcheck"},
		{date: "2026-05-15 10:00", epoch: 4, remove: []string{"net-im/chatterd-0.11.2*"}, command: "FEATURES=-buildpkg emerge --update app-misc/warny app-misc/restricted"},
		{date: "2026-05-16 10:00", command: "emerge dev-util/postfail", fails: true},
		{date: "2026-05-17 10:00", command: "emerge --unmerge dev-util/postfail"},
		{date: "2026-06-10 10:00", epoch: 5, write: map[string]string{"etc/chatterd/chatterd.cfg": "room=lobby\n"}, command: "emerge --update --deep net-im/chatterd app-backup/snapr"},
		{date: "2026-06-11 10:00", command: "CFLAGS=-O1 emerge --oneshot app-misc/restricted"},
		{date: "2026-09-15 10:00", epoch: 8, command: "emerge --update app-misc/warny mail-filter/spamcheck"},
		{date: "2026-09-16 10:00", command: "emerge --unmerge app-backup/snapr"},
	}},
}

// record records a host, unless it was recorded with this very history.
func (h *recordedHost) record(t *testing.T, l *labtest.Lab) {
	t.Helper()
	root := l.Root(h.name)
	marker, of := filepath.Join(root, "etc/emaudit-proof"), fmt.Sprintf("%x\n", sha256.Sum256(fmt.Append(nil, *h)))
	if text, err := os.ReadFile(marker); err == nil && string(text) == of {
		return
	}
	args := []string{"new", h.name, "--force", "--features", h.features}
	if h.overlay {
		args = append(args, "--extra")
	}
	l.Must(args...)
	for i, s := range h.history {
		s.apply(t, l, h.name)
		t.Logf("%s: %d of %d: %s", h.name, i+1, len(h.history), s.command)
	}
	if err := os.WriteFile(marker, []byte(of), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *recordedStep) apply(t *testing.T, l *labtest.Lab, host string) {
	t.Helper()
	root, command := l.Root(host), s.command
	if s.epoch > 0 {
		l.Must("epoch", host, fmt.Sprint(s.epoch))
		command = "emerge --ask=n --sync && { " + command + "; }"
	}
	for name, text := range s.write {
		f, err := os.OpenFile(filepath.Join(root, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range s.remove {
		names, err := filepath.Glob(filepath.Join(root, "var/cache/binpkgs", pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %d files", pattern, err, len(names))
		}
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, err := l.Run("run", host, "--date", s.date, "EMERGE_DEFAULT_OPTS=--ask=n", "bash", "-c", command)
	if (err != nil) != s.fails {
		t.Fatalf("%s: %s: %v\n%s", host, strings.TrimSpace(command), err, labtest.Tail(out))
	}
}
