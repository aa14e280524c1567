package config

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/store"
)

// A line counts from the ingest that found it, or from the time at which its file
// was written, until it is gone; moving it within its file changes nothing.
func TestALineCountsFromThenUntilThen(t *testing.T) {
	t.Parallel()
	db := open(t)
	var host store.HostID
	put := func(at int64, lines ...Line) (changed bool) {
		t.Helper()
		err := db.Update(context.Background(), func(tx *store.Tx) (err error) {
			if host, err = tx.EnsureHost("h", "/", 1); err != nil {
				return err
			}
			changed, err = PutLines(tx, host, []Kind{LineSet, Use}, lines, func(string) int64 { return at })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	during := func(from, to int64) (lines []Line, known bool) {
		t.Helper()
		err := db.View(context.Background(), func(tx *store.Tx) (err error) {
			lines, known, err = LinesDuring(tx, host, from, to, LineSet)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return lines, known
	}
	member := func(atom, origin string) Line {
		return Line{Kind: LineSet, Layer: "host", Subject: "selected", Value: atom, Origin: origin}
	}
	if !put(100, member("a/a", "world:1"), member("b/b", "world:2")) {
		t.Error("the first lines are no change")
	}
	if put(150, member("b/b", "world:1"), member("a/a", "world:2")) {
		t.Error("lines that moved are a change")
	}
	if !put(200, member("b/b", "world:1"), member("c/c", "world:2")) || !put(300, member("b/b", "world:1"), member("a/a", "world:2")) {
		t.Error("another line is no change")
	}
	a := member("a/a", "world:2")
	b, c, again := member("b/b", "world:1"), member("c/c", "world:2"), a
	a.Since, a.Until, b.Since, c.Since, c.Until, again.Since = 100, 200, 100, 200, 300, 300
	for _, at := range []struct {
		name     string
		from, to int64
		known    bool
		want     []Line
	}{
		{"a state that ended before the first ingest", 10, 99, false, nil},
		{"one that stood at the first ingest", 10, 120, true, []Line{b, a}},
		{"one that began before a change", 150, 250, true, []Line{b, a}},
		{"one that began with a change", 200, 250, true, []Line{b, c}},
		{"one of today", 400, 500, true, []Line{b, again}},
	} {
		got, known := during(at.from, at.to)
		if diff := cmp.Diff(at.want, got); diff != "" || known != at.known {
			t.Errorf("%s: known %v (-want +got):\n%s", at.name, known, diff)
		}
	}
}

func TestAListIsStoredWithoutCredentials(t *testing.T) {
	t.Parallel()
	var lists []File
	err := open(t).Update(context.Background(), func(tx *store.Tx) error {
		host, err := tx.EnsureHost("h", "/", 1)
		if err != nil {
			return err
		}
		if err := PutFile(tx, host, &File{Kind: SetsConf, Path: "/etc/portage/sets.conf", Content: []byte("fetching https://user:secret@host/x")}); err != nil {
			return err
		}
		lists, err = Files(tx, host, SetsConf)
		return err
	})
	if err != nil || len(lists) != 1 || string(lists[0].Content) != "fetching https://host/x" {
		t.Errorf("lists of configuration %+v; %v", lists, err)
	}
}

// open opens a database for the test.
func open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), t.TempDir()+"/emaudit.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
