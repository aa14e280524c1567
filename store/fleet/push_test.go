package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/internal/postgrestest"
	"emaudit/parse"
	"emaudit/store"
	"emaudit/store/fleet"
	"emaudit/store/postgres"
)

// TestAPushMakesTheFleetEqualToTheHost: at first, after a change of every kind, and a
// push of what has not changed sends nothing.
func TestAPushMakesTheFleetEqualToTheHost(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.AlphaCopy(t))
	h.Ingest(hosttest.Now)
	alpha := role(t, newFleet(t), "emaudit_host")
	first := mustPush(t, h, alpha)
	if first.Rows < 2000 || first.Removed != 0 || first.Name != "test" {
		t.Errorf("the first push: %+v", first)
	}
	mustEqual(t, h, alpha)
	if again := mustPush(t, h, alpha); again.Rows != 0 || again.Removed != 0 {
		t.Errorf("nothing has changed, and the push did %+v", again)
	}
	// A package goes, a binary package goes, the log grows.
	for _, name := range []string{"var/db/pkg/app-misc/hello-2.1", "var/cache/binpkgs/app-misc/hello"} {
		if err := os.RemoveAll(filepath.Join(h.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.OpenFile(filepath.Join(h.Root, "var/log/emerge.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(log, "%[1]d: Started emerge on: Oct 04, 2026 18:00:00\n%[1]d:  *** emerge --unmerge app-misc/hello\n%[1]d: === Unmerging... (app-misc/hello-2.1)\n%[1]d:  >>> unmerge success: app-misc/hello-2.1\n%[1]d:  *** exiting successfully.\n%[1]d:  *** terminating.\n", hosttest.Now)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	h.Ingest(hosttest.Now + 60)
	change := mustPush(t, h, alpha)
	if change.Rows == 0 || change.Rows >= first.Rows {
		t.Errorf("a small change sent %d rows, everything %d", change.Rows, first.Rows)
	}
	mustEqual(t, h, alpha)
}

// TestEveryTextArrivesAsItIs: PostgreSQL takes neither NUL nor bytes that are no UTF-8,
// and a key of more than 2,704 bytes is too large for an index.
func TestEveryTextArrivesAsItIs(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, t.TempDir())
	long := make([]byte, 5000)
	for i := range long {
		long[i] = byte('a' + rand.IntN(26))
	}
	err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
		for i, text := range []string{"a\x00b", "\xff\xfe", "\U0010ff00", string(long)} {
			s := store.Source{Host: h.ID, Kind: store.SourceVDB, Path: "/" + text}
			if err := tx.PutSource(&s); err != nil {
				return err
			}
			if err := tx.AddDiagnostics(s.ID, text, []parse.Diagnostic{{Offset: int64(i), Code: "x", Message: text}}, 1); err != nil {
				return err
			}
			if _, err := tx.TextID(text); err != nil {
				return err
			}
			if _, err := tx.CPVID(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	alpha := role(t, newFleet(t), "emaudit_host")
	mustPush(t, h, alpha)
	mustEqual(t, h, alpha)
}

// TestOnlyTheNamesOfAHostAreSent: a database may have other hosts, whose names are not
// for this host's role.
func TestOnlyTheNamesOfAHostAreSent(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	alpha := role(t, newFleet(t), "emaudit_host")
	want := factsOf(t, h.DB, "test")
	err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
		other, err := tx.EnsureHost("other", "/other", 1)
		if err != nil {
			return err
		}
		id, err := tx.CPVID("secret-category/package-1")
		if err != nil {
			return err
		}
		_, err = tx.Exec("INSERT INTO unfinished_merge (host, cpv, changed_at, copying) VALUES (?, ?, 1, 0)", other, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mustPush(t, h, alpha)
	got := fleetFacts(t, alpha, "test")
	for table, rows := range got {
		for _, row := range rows {
			if strings.Contains(row, "secret-category") {
				t.Errorf("%s: %s", table, row)
			}
		}
		if n := len(want[table]); len(rows) > n || len(rows) < n && table != "text" && table != "cp" && table != "cpv" && table != "metadata" {
			t.Errorf("%s has %d rows, want %d", table, len(rows), n)
		}
	}
	if len(got["cpv"]) == 0 {
		t.Error("no names were sent")
	}
}

func TestEightPushesAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	root := hostarchive.Alpha(t)
	alpha := role(t, newFleet(t), "emaudit_host")
	var hosts [4]*hosttest.Host
	for i := range hosts {
		hosts[i] = hosttest.New(t, root)
		hosts[i].Ingest(hosttest.Now)
	}
	var all errgroup.Group
	for i := range 8 {
		all.Go(func() error {
			_, err := push(hosts[i%4], alpha, fleet.Options{Name: fmt.Sprintf("host%d", i%4)}) // two of each
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	want := factsOf(t, hosts[0].DB, "test")
	db, err := store.OpenFleet(context.Background(), alpha)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := range hosts {
		for table, rows := range factsOf(t, db, fmt.Sprintf("host%d", i)) {
			n := len(want[table])
			if store.Schema().Table(table).Column("host") == nil {
				n *= 4 // the role sees all of them
			}
			if len(rows) != n {
				t.Errorf("host%d: %s has %d rows, want %d", i, table, len(rows), n)
			}
		}
	}
}

// TestAFleetDoesNotShrinkWithoutAWord: a database that was restored from a copy, or
// begun anew, has less than the fleet.
func TestAFleetDoesNotShrinkWithoutAWord(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	path := filepath.Join(t.TempDir(), "emaudit.db")
	h := hosttest.Open(t, root, path)
	h.Ingest(hosttest.Now)
	alpha := role(t, newFleet(t), "emaudit_host")
	mustPush(t, h, alpha)
	h.DB.Close()
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h = hosttest.Open(t, root, path)
	if err := os.RemoveAll(filepath.Join(root, "var/db/pkg/app-misc/hello-2.1")); err != nil {
		t.Fatal(err)
	}
	h.Ingest(hosttest.Now + 60)
	mustPush(t, h, alpha)
	before := fleetFacts(t, alpha, "test")
	h.DB.Close()

	if err := os.WriteFile(path, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	restored := hosttest.Open(t, root, path)
	if _, err := push(restored, alpha, fleet.Options{}); !errors.Is(err, fleet.ErrKnowsMore) {
		t.Errorf("the database was restored from a copy: %v", err)
	}
	anew := hosttest.New(t, root)
	anew.Ingest(hosttest.Now + 60)
	if _, err := push(anew, alpha, fleet.Options{}); !errors.Is(err, fleet.ErrOtherHost) {
		t.Errorf("the database was begun anew: %v", err)
	}
	if after := fleetFacts(t, alpha, "test"); len(after["installed"]) != len(before["installed"]) {
		t.Error("a refused push changed the fleet")
	}
	for _, h := range []*hosttest.Host{restored, anew} {
		if _, err := push(h, alpha, fleet.Options{Replace: true}); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, h, alpha)
		if _, err := push(h, alpha, fleet.Options{}); err != nil {
			t.Errorf("the push after --replace: %v", err)
		}
	}
}

// TestAHostIsForgotten by its role or by the owner, and nothing is left of it.
func TestAHostIsForgotten(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	f := newFleet(t)
	alpha, beta, reader := role(t, f, "emaudit_host"), role(t, f, "emaudit_host"), role(t, f, "emaudit_reader")
	mustPush(t, h, alpha)
	other := audittest.Alpha(t)
	if _, err := push(other, beta, fleet.Options{Name: "beta"}); err != nil {
		t.Fatal(err)
	}
	forget := func(address string, names ...string) error {
		t.Helper()
		to, err := postgres.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		return fleet.Forget(context.Background(), to, names)
	}
	if err := forget(alpha, "test", "beta"); !errors.Is(err, fleet.ErrNoHost) {
		t.Errorf("a role forgets the host of another one: %v", err)
	}
	if err := forget(reader, "test"); !errors.Is(err, store.ErrForbidden) {
		t.Errorf("a reader forgets: %v", err)
	}
	mustEqual(t, h, alpha)
	if err := forget(f, "beta"); err != nil {
		t.Errorf("the owner forgets: %v", err)
	}
	mustEqual(t, h, alpha)
	if err := forget(alpha, "test"); err != nil {
		t.Errorf("the role forgets: %v", err)
	}
	tables := []string{"pushed", "host"}
	for _, t := range store.Schema().Tables {
		if store.Schema().OfHost(t) != "" {
			tables = append(tables, t.Name)
		}
	}
	for _, table := range tables {
		if err := postgrestest.Try(f, "SELECT 1 / (1 - count(*)::int) FROM (SELECT FROM "+table+" LIMIT 1) AS left_over"); err != nil {
			t.Errorf("table %s has rows of hosts that were forgotten", table)
		}
	}
	mustPush(t, h, beta)
	mustEqual(t, h, beta)
}

// TestRolesSeeAndWriteTheirOwn: PostgreSQL itself keeps hosts apart.
func TestRolesSeeAndWriteTheirOwn(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	f := newFleet(t)
	alpha, beta, reader, nobody := role(t, f, "emaudit_host"), role(t, f, "emaudit_host"), role(t, f, "emaudit_reader"), role(t, f, "")
	mustPush(t, h, alpha)
	mustEqual(t, h, reader)

	if _, err := push(h, beta, fleet.Options{}); !errors.Is(err, fleet.ErrOtherRole) || !errors.Is(err, fleet.ErrOtherHost) {
		t.Errorf("another role pushes the name of a host: %v", err)
	}
	if _, err := push(h, beta, fleet.Options{Replace: true}); !errors.Is(err, fleet.ErrOtherRole) {
		t.Errorf("another role replaces a host: %v", err)
	}
	for _, address := range []string{reader, nobody} {
		if _, err := push(h, address, fleet.Options{Name: "new"}); !errors.Is(err, store.ErrForbidden) {
			t.Errorf("a role that is no host pushes: %v", err)
		}
	}
	if _, err := store.OpenFleet(context.Background(), nobody); !errors.Is(err, store.ErrForbidden) {
		t.Errorf("a role without rights reads: %v", err)
	}
	other := audittest.Alpha(t)
	if _, err := push(other, beta, fleet.Options{Name: "beta"}); err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenFleet(context.Background(), beta)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(context.Background(), func(tx *store.Tx) error {
		hosts, err := tx.Hosts()
		if len(hosts) != 1 || hosts[0].Name != "beta" {
			t.Errorf("beta sees %v", hosts)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	// What a host writes by hand: the first host has number 1.
	for _, statement := range []string{
		"INSERT INTO pin (host, name, state_at, run, created_at) VALUES (1, 'mine', 0, 0, 0)",
		"INSERT INTO cp (id, value) VALUES ((1::bigint << 40) + 999999, 'a/b')",
		"INSERT INTO installed_check (host, cpv, counter, checked_at, complete) SELECT host.id, (1::bigint << 40) + 1, 0, 0, 0 FROM host",
		"UPDATE host SET role = 'other'",
		"INSERT INTO host (name, root, identity, created_at, role) VALUES ('x', '/', 'i', 0, 'postgres')",
		"DELETE FROM fleet",
		"CREATE TABLE x (a int)",
	} {
		if err := postgrestest.Try(beta, statement); err == nil {
			t.Errorf("a host may do this: %s", statement)
		}
	}
	if err := postgrestest.Try(beta, "DELETE FROM installed_drift"); err != nil {
		t.Error(err)
	}
	mustEqual(t, h, alpha)
	if err := postgrestest.Try(reader, "DELETE FROM installed_drift"); err == nil {
		t.Error("a reader may delete")
	}
}
