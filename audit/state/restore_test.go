package state

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
)

// registered sets when a package was registered: the mtime of its directory.
func (h *smallHost) registered(pf string, at int64) {
	h.t.Helper()
	when := time.Unix(at, 0)
	if err := os.Chtimes(filepath.Join(h.root, "var/db/pkg/app-misc", pf), when, when); err != nil {
		h.t.Fatal(err)
	}
}

// TestARootThatWasPutBack puts the root of a small host back to the state before
// an update, while emerge.log goes on.
func TestARootThatWasPutBack(t *testing.T) {
	t.Parallel()
	const day = 24 * 3600
	for _, test := range []struct {
		name string
		make func(h *smallHost)
		// states has what was installed before each run, and now under 0; nil where
		// that is not known.
		states   map[int64][]string
		restored bool
	}{
		{
			"nothing was merged since",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				at := h.at
				h.at += day
				h.run("--update @world", "+a-2/a-1", "+c-1")
				h.install(fmt.Sprint("a-1@", begin+4), fmt.Sprint("b-1@", begin+11))
				h.registered("a-1", at)
				h.registered("b-1", at)
			},
			map[int64][]string{0: {"a-1", "b-1"}, 1: {}, 2: {"a-1", "b-1"}},
			true,
		},
		{
			"an ingest saw the update",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				at := h.at
				h.at += day
				h.run("--update @world", "=a-2/a-1")
				h.install("a-2@1772000000", fmt.Sprint("b-1@", begin+11))
				h.registered("b-1", at)
				h.ingest()
				h.at += day
				h.counter = 0
				h.install(fmt.Sprint("a-1@", begin+4), fmt.Sprint("b-1@", begin+11))
				h.registered("a-1", at)
				h.registered("b-1", at)
			},
			map[int64][]string{0: {"a-1", "b-1"}, 1: {}, 2: {"a-1", "b-1"}},
			true,
		},
		{
			"history went on from there",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				at := h.at
				h.at += day
				h.run("--update @world", "+a-2/a-1")
				h.at += day
				h.run("--update @world", "+a-3/a-1")
				h.install(fmt.Sprint("a-3@", h.at-8), fmt.Sprint("b-1@", begin+11))
				h.registered("a-3", h.at)
				h.registered("b-1", at)
			},
			map[int64][]string{0: {"a-3", "b-1"}, 1: {}, 2: {"a-1", "b-1"}, 3: {"a-1", "b-1"}},
			true,
		},
		{
			"the old version was merged anew by hand",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				at := h.at
				h.at += day
				h.run("--update @world", "+a-2/a-1")
				h.install(fmt.Sprint("a-1@", begin+4), fmt.Sprint("b-1@", begin+11))
				h.registered("a-1", h.at+60)
				h.registered("b-1", at)
				h.at += day
			},
			map[int64][]string{0: {"a-1", "b-1"}, 2: nil},
			false,
		},
		{
			"one package of the update stayed",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				at := h.at
				h.at += day
				h.run("--update @world", "+a-2/a-1", "+b-2/b-1")
				h.install(fmt.Sprint("a-1@", begin+4), fmt.Sprint("b-2@", h.at-8))
				h.registered("a-1", at)
				h.registered("b-2", h.at)
			},
			map[int64][]string{0: {"a-1", "b-2"}, 2: nil},
			false,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newSmallHost(t)
			test.make(h)
			h.ingest()
			h.ask(func(past *Past, db audit.Database) error {
				if got := past.restored != nil; got != test.restored {
					t.Errorf("put back: want %t, got %t", test.restored, got)
				}
				for run, want := range test.states {
					s, err := past.At(Moment{Run: run, Now: run == 0}, nil, db.Now)
					if err != nil {
						return err
					}
					if s.Target.Known != (want != nil) {
						t.Errorf("before run %d: known is %t: %s", run, s.Target.Known, s.why())
						continue
					}
					if want == nil {
						continue
					}
					got := []string{}
					for _, x := range s.Installations {
						got = append(got, x.CPV[len("app-misc/"):])
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("before run %d: -want +got\n%s", run, diff)
					}
				}
				return nil
			})
		})
	}
}
