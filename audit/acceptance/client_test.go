package acceptance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/internal/labtest"
	"emaudit/store"
)

// clientCase is one thing that is different on a client of the recorded host.
type clientCase struct {
	name   string
	path   string            // of a binary package of the recorded host
	files  map[string]string // what is written on the client; "" removes
	remove []string
	want   acceptance.Usable
	code   string
	// unlike means that Portage does not look at it, so that its answer is another
	// one.
	unlike bool
}

const (
	binFooTool = "app-misc/foo-tool/foo-tool-1.3.0-1.gpkg.tar"
	binHello   = "app-misc/hello/hello-2.1-1.gpkg.tar"
	vdbGlibc   = "var/db/pkg/sys-libs/glibc-2.40-r2"
	vdbLibfoo  = "var/db/pkg/sys-libs/libfoo-2.0.1"
	vdbHello   = "var/db/pkg/app-misc/hello-2.1"
)

var clientCases = []clientCase{
	{name: "the same host", path: binFooTool, want: acceptance.UsableYes},
	{name: "another CHOST", path: binFooTool, files: map[string]string{"etc/portage/make.conf": "CHOST=\"aarch64-unknown-linux-gnu\"\nACCEPT_LICENSE=\"*\"\n"}, want: acceptance.UsableNo, code: "chost-refused"},
	{name: "a mask", path: binFooTool, files: map[string]string{"etc/portage/package.mask": ">app-misc/foo-tool-1\n"}, want: acceptance.UsableNo, code: "package-masked"},
	{name: "a mask of another version", path: binFooTool, files: map[string]string{"etc/portage/package.mask": ">app-misc/foo-tool-2\n"}, want: acceptance.UsableYes},
	{name: "keywords", path: binFooTool, files: map[string]string{"etc/portage/package.accept_keywords/zz": "app-misc/foo-tool -*\n"}, want: acceptance.UsableNo, code: "keywords-refused"},
	{name: "a library that comes along", path: binFooTool, remove: []string{vdbLibfoo}, want: acceptance.UsableYes, code: "needs-others"},
	{name: "a library that is masked", path: binFooTool, remove: []string{vdbLibfoo}, files: map[string]string{"etc/portage/package.mask": "sys-libs/libfoo\n"}, want: acceptance.UsableNo, code: "slot-operator-stale"},
	{
		name: "another version of a library", path: binFooTool, files: map[string]string{vdbLibfoo + "/PROVIDES": "x86_64: libfoo.so.1\n", "etc/portage/package.mask": "=sys-libs/libfoo-2*\n"},
		want: acceptance.UsableNo, code: "soname-missing", unlike: true,
	},
	{
		name: "a library of which nothing is known", path: binFooTool, files: map[string]string{vdbLibfoo + "/PROVIDES": "", "etc/portage/package.mask": "=sys-libs/libfoo-2*\n"},
		want: acceptance.UsableUnknown, code: "soname-unknown", unlike: true,
	},
	{name: "other USE flags", path: binHello, files: map[string]string{vdbHello + "/USE": "amd64 elibc_glibc kernel_linux nls\n"}, want: acceptance.UsableNo, code: "use-differs", unlike: true},
	{name: "a USE flag that is new", path: binHello, files: map[string]string{vdbHello + "/IUSE": "nls debug\n"}, want: acceptance.UsableUnknown, code: "use-unknown", unlike: true},
	{name: "not installed there", path: binHello, remove: []string{vdbHello}, want: acceptance.UsableUnknown, code: "use-unknown", unlike: true},
	{name: "a damaged file", path: "app-misc/hello/hello-2.0-1.gpkg.tar", want: acceptance.UsableNo, code: "binpkg-damaged"},
}

// change makes a client of a copy of the recorded host, and returns what makes it a
// copy again.
func (c *clientCase) change(t *testing.T, root string) (back func()) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var undo []func()
	for i, name := range c.remove {
		from, to := filepath.Join(root, name), filepath.Join(root, "aside"+string(rune('a'+i)))
		must(os.Rename(from, to))
		undo = append(undo, func() { must(os.Rename(to, from)) })
	}
	for name, text := range c.files {
		file := filepath.Join(root, name)
		before, err := os.ReadFile(file)
		if err == nil {
			undo = append(undo, func() { must(os.WriteFile(file, before, 0o644)) })
		} else {
			undo = append(undo, func() { must(os.RemoveAll(file)) })
		}
		if text == "" {
			must(os.Remove(file))
			continue
		}
		must(os.MkdirAll(filepath.Dir(file), 0o755))
		must(os.WriteFile(file, []byte(text), 0o644))
		// The ingest and Portage see that a folder of the VDB changed by its time.
		if folder := filepath.Dir(file); strings.Contains(folder, "var/db/pkg/") {
			must(os.Remove(file))
			must(os.WriteFile(file, []byte(text), 0o644))
		}
	}
	return func() {
		for _, one := range slices.Backward(undo) {
			one()
		}
	}
}

// judgeClient returns the answer about a binary package of h for a client.
func judgeClient(t *testing.T, h *hosttest.Host, client store.HostID, path string, now int64) acceptance.ClientRow {
	t.Helper()
	var rows []acceptance.ClientRow
	h.View(func(tx *store.Tx) error {
		hosts, err := tx.HostSummaries()
		if err != nil {
			return err
		}
		hosts = slices.DeleteFunc(hosts, func(one store.HostSummary) bool { return one.ID != client })
		rows, err = acceptance.AuditClients(audit.Database{Tx: tx, Host: h.ID, Now: now}, hosts,
			func(b *binpkgs.Binpkg) bool { return b.Path == path }, func(store.Host) audit.Place { return audit.Place{} })
		return err
	})
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows", path, len(rows))
	}
	return rows[0]
}

// TestWhichClientCouldUseAPackage changes one thing at a time on a client.
func TestWhichClientCouldUseAPackage(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	client := h.Beside("client", hostarchive.AlphaCopy(t))
	now := int64(hosttest.Now)
	for _, tt := range clientCases {
		t.Run(tt.name, func(t *testing.T) {
			back := tt.change(t, client.Root)
			defer back()
			now++
			client.Ingest(now)
			row := judgeClient(t, h, client.ID, tt.path, now)
			if row.Usable != tt.want || tt.code != "" && !slices.ContainsFunc(row.Reasons, func(r acceptance.Reason) bool { return r.Code == tt.code }) {
				t.Errorf("want %s %s, got %s %+v", tt.want, tt.code, row.Usable, row.Reasons)
			}
			for _, r := range row.Reasons {
				if r.Effect == acceptance.EffectUnknown && r.SettleWith.IsZero() {
					t.Errorf("%s does not say what settles it", r.Code)
				}
			}
		})
	}
}

// TestAClientOfWhichNothingIsKnown could use anything, or nothing.
func TestAClientOfWhichNothingIsKnown(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	row := judgeClient(t, h, h.Beside("new", t.TempDir()).ID, binHello, hosttest.Now)
	if row.Usable != acceptance.UsableUnknown || !slices.ContainsFunc(row.Reasons, func(r acceptance.Reason) bool { return r.Code == "installed-unknown" }) {
		t.Errorf("got %s %+v", row.Usable, row.Reasons)
	}
}

// TestPortageTakesWhatAClientCouldUse asks real Portage on a client whose PKGDIR has
// the same files.
func TestPortageTakesWhatAClientCouldUse(t *testing.T) {
	t.Parallel()
	l := labtest.Open(t)
	const name = "fleet-client"
	root := l.CopyOfAlpha(name)
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	client := h.Beside("client", root)
	now := int64(hosttest.Now)
	for _, tt := range clientCases {
		if tt.unlike {
			continue
		}
		back := tt.change(t, root)
		now++
		client.Ingest(now)
		row := judgeClient(t, h, client.ID, tt.path, now)
		out, err := l.Run("run", name, "emerge", "--ask=n", "--pretend", "--oneshot", "--usepkgonly", "--binpkg-respect-use=y", "="+row.CPV)
		if took := err == nil; took != (row.Usable == acceptance.UsableYes) && row.CPV != "" {
			t.Errorf("%s: emaudit says %s %+v, and Portage:\n%s", tt.name, row.Usable, row.Reasons, labtest.Tail(out))
		}
		back()
	}
}
