package state

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
)

// leaveMerging writes the directory that a merge fills, with the given files.
func (h *smallHost) leaveMerging(pf string, files ...string) {
	h.t.Helper()
	for _, f := range files {
		h.write("var/db/pkg/app-misc/-MERGING-"+pf+"/"+f, "0\n")
	}
}

// TestAMergeThatWasCutLeavesItsPackageInDoubt cuts merges at the moments at which
// a power cut leaves other traces, and asks what is then known of now, of the
// state before the update and, where there is one, after the package was merged
// again.
func TestAMergeThatWasCutLeavesItsPackageInDoubt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		make func(h *smallHost)
		now  []string // packages in doubt now
		cut  []string // merges that are reported
		// before has the packages in doubt before each of these runs.
		before map[int64][]string
	}{
		{
			"files of the new version over those of the old",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				h.run("--update @world", "~a-2")
				h.install("a-1", "b-1")
				h.leaveMerging("a-2", "COUNTER", "SLOT", "CONTENTSq1_x2")
			},
			[]string{"app-misc/a"},
			[]string{"app-misc/a-2"},
			map[int64][]string{2: nil},
		},
		{
			"between the removal and the registration",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				h.run("--update @world", "~a-2/a-1")
				h.install("b-1")
				h.leaveMerging("a-2", "COUNTER", "SLOT", "CONTENTS")
			},
			[]string{"app-misc/a"},
			[]string{"app-misc/a-2"},
			map[int64][]string{2: nil},
		},
		{
			"in pkg_preinst, before the first file",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				h.run("--update @world", "~a-2")
				h.install("a-1", "b-1")
				h.leaveMerging("a-2", "SLOT")
			},
			nil,
			[]string{"app-misc/a-2"},
			map[int64][]string{2: nil},
		},
		{
			"the log is lost",
			func(h *smallHost) {
				h.install("a-1", "b-1")
				h.leaveMerging("a-2", "CONTENTS")
			},
			[]string{"app-misc/a"},
			[]string{"app-misc/a-2"},
			nil,
		},
		{
			"a run follows, and the package is still not merged",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				h.run("--update @world", "~a-2")
				h.run("c", "+c-1")
				h.install("a-1", "b-1", "c-1")
				h.leaveMerging("a-2", "CONTENTS")
			},
			[]string{"app-misc/a"},
			[]string{"app-misc/a-2"},
			map[int64][]string{2: nil, 3: {"app-misc/a"}},
		},
		{
			"merged again: in doubt in between",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				h.run("--update @world", "~a-2")
				h.run("c", "+c-1")
				h.run("--oneshot =a-2", "+a-2/a-1")
				h.install("b-1", "c-1", "a-2")
			},
			nil,
			nil,
			map[int64][]string{2: nil, 3: {"app-misc/a"}, 4: {"app-misc/a"}},
		},
		{
			"the version was given up, and another one merged into the slot",
			func(h *smallHost) {
				h.run("a b", "+a-1", "+b-1")
				h.run("--update @world", "~a-2/a-1")
				h.run("--update @world", "+a-3")
				h.install("b-1", "a-3")
				h.leaveMerging("a-2", "CONTENTS")
			},
			nil,
			nil,
			map[int64][]string{2: nil, 3: {"app-misc/a"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newSmallHost(t)
			test.make(h)
			h.ingest()
			h.ask(func(past *Past, db audit.Database) error {
				unknown := func(m Moment) []string {
					s, err := past.At(m, nil, db.Now)
					if err != nil {
						t.Fatal(err)
					}
					if s.Target.Known != (len(s.Target.Unknown) == 0) {
						t.Errorf("%+v: %s", m, s.why())
					}
					return s.Target.Unknown
				}
				if diff := cmp.Diff(test.now, unknown(Moment{Now: true})); diff != "" {
					t.Errorf("in doubt now: -want +got\n%s", diff)
				}
				for run, want := range test.before {
					if diff := cmp.Diff(want, unknown(Moment{Run: run})); diff != "" {
						t.Errorf("in doubt before run %d: -want +got\n%s", run, diff)
					}
				}
				var cut []string
				for _, c := range past.Cut() {
					cut = append(cut, c.CPV)
				}
				if !slices.Equal(test.cut, cut) {
					t.Errorf("cut: want %q, got %q", test.cut, cut)
				}
				return nil
			})
		})
	}
}
