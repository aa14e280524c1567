package aftermath

import (
	"testing"

	"emaudit/audit/history"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelog"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

func loggedMerge(run int64, root string, kind emergelog.MergeKind, outcome emergelog.MergeOutcome, started, finished int64) *logs.Merge {
	m := &logs.Merge{}
	m.Run, m.Seq, m.CPV, m.Root, m.Kind, m.Outcome, m.Started, m.Finished = run, 1, "app-misc/a-1", root, kind, outcome, started, finished
	return m
}

// TestALogIsLinkedToItsMerge builds one package again and again: built at 1000,
// failed at 2000, merged as a binary at 3000, in two roots at once at 5000.
func TestALogIsLinkedToItsMerge(t *testing.T) {
	h := &history.MergeHistory{Merges: map[string][]*logs.Merge{"app-misc/a-1": {
		loggedMerge(1, "/", emergelog.KindSource, emergelog.MergeMerged, 1000, 1100),
		loggedMerge(2, "/", emergelog.KindSource, emergelog.MergeFailed, 2000, 0),
		loggedMerge(3, "/", emergelog.KindBinary, emergelog.MergeMerged, 3000, 3050),
		loggedMerge(4, "/", emergelog.KindSource, emergelog.MergeMerged, 5000, 5200),
		loggedMerge(5, "/mnt/stage/", emergelog.KindSource, emergelog.MergeMerged, 5010, 5100),
	}}}
	failure := &mergelog.Failure{}
	tests := []struct {
		name string
		log  logs.BuildLog
		run  int64
		link history.LinkCertainty
	}{
		{"the stamp lies in one merge", logs.BuildLog{PreparedAt: 1001, Log: mergelog.BuildLog{Kind: mergelog.KindSource}}, 1, history.LinkCertain},
		{"the stamp is a little early", logs.BuildLog{PreparedAt: 997, Log: mergelog.BuildLog{Kind: mergelog.KindSource}}, 1, history.LinkCertain},
		{"a failure has no end", logs.BuildLog{PreparedAt: 2001, WrittenAt: 2100, Log: mergelog.BuildLog{Kind: mergelog.KindSource, Failure: failure}}, 2, history.LinkCertain},
		{"a binary merge", logs.BuildLog{PreparedAt: 3001, Log: mergelog.BuildLog{Kind: mergelog.KindBinary}}, 3, history.LinkCertain},
		{"two roots at once", logs.BuildLog{PreparedAt: 5012, Log: mergelog.BuildLog{Kind: mergelog.KindSource}}, 5, history.LinkAmbiguous},
		{"the name is a guess", logs.BuildLog{PreparedAt: 1001, NameAmbiguous: true, Log: mergelog.BuildLog{Kind: mergelog.KindSource}}, 1, history.LinkAmbiguous},
		{"a kept build directory keeps its name", logs.BuildLog{PreparedAt: 900, WrittenAt: 1090, Log: mergelog.BuildLog{Kind: mergelog.KindSource}}, 1, history.LinkCertain},
		{"a kept build.log has no stamp", logs.BuildLog{WrittenAt: 2100, Log: mergelog.BuildLog{Kind: mergelog.KindSource, Failure: failure}}, 2, history.LinkCertain},
		{"a screen was saved days later", logs.BuildLog{WrittenAt: 900_000, Log: mergelog.BuildLog{Kind: mergelog.KindSource, Failure: failure}}, 2, history.LinkAmbiguous},
		{"ebuild(1) writes no emerge.log", logs.BuildLog{PreparedAt: 500, WrittenAt: 600, Log: mergelog.BuildLog{Kind: mergelog.KindSource}}, 0, history.LinkNone},
		{"a removal is no merge", logs.BuildLog{PreparedAt: 1001, Log: mergelog.BuildLog{Kind: mergelog.KindUnmerge}}, 0, history.LinkNone},
	}
	for _, tt := range tests {
		tt.log.CPV = "app-misc/a-1"
		m, link := h.Link(&tt.log)
		run := int64(0)
		if m != nil {
			run = m.Run
		}
		if run != tt.run || link != tt.link {
			t.Errorf("%s: want run %d %s, got run %d %s", tt.name, tt.run, tt.link, run, link)
		}
	}
}

func TestALogWithoutHeaderMayBeThatOfARemoval(t *testing.T) {
	u := &logs.Unmerge{}
	u.Run, u.CPV, u.Started, u.Finished = 1, "app-misc/a-1", 1000, 1010
	h := &history.MergeHistory{Unmerges: map[string][]*logs.Unmerge{"app-misc/a-1": {u}}}
	for at, want := range map[int64]bool{900: false, 999: true, 1005: true, 1100: false} {
		if _, ok := h.Removal(&logs.BuildLog{CPV: "app-misc/a-1", PreparedAt: at}); ok != want {
			t.Errorf("prepared at %d: want %v, got %v", at, want, ok)
		}
	}
	if _, ok := h.Removal(&logs.BuildLog{CPV: "app-misc/a-1", PreparedAt: 1005, Log: mergelog.BuildLog{Kind: mergelog.KindSource}}); ok {
		t.Error("the log of a build was taken for that of a removal")
	}
}

// TestWhatIsInstalledResolvesAFailure has no emerge.log, as after ebuild(1).
func TestWhatIsInstalledResolvesAFailure(t *testing.T) {
	tests := []struct {
		cpv, slot string
		built     int64
		want      Resolution
	}{
		{"dev-lang/python-3.12.4", "3.12", 1101, Retried},
		{"dev-lang/python-3.12.5", "3.12", 1101, Replaced},
		{"dev-lang/python-3.12.4", "3.12", 1100, Open}, // the build that then failed in pkg_postinst
		{"dev-lang/python-3.12.4", "3.12", 0, Open},
		{"dev-lang/python-3.13.1", "3.13", 1101, Open},
	}
	for _, tt := range tests {
		row := Failure{CPV: "dev-lang/python-3.12.4", At: 1000, ended: 1100, slot: "3.12", Resolution: Open}
		row.resolveByInstalled([]*inventory.Installed{{CPV: tt.cpv, Slot: tt.slot, BuildTime: tt.built}})
		if row.Resolution != tt.want {
			t.Errorf("%s:%s built at %d: want %s, got %s", tt.cpv, tt.slot, tt.built, tt.want, row.Resolution)
		}
	}
}

// TestAnotherSlotResolvesNothing fails one Python and merges another: only the
// same slot stands in for it.
func TestAnotherSlotResolvesNothing(t *testing.T) {
	later := func(cpv string) *history.MergeHistory {
		m := loggedMerge(2, "/", emergelog.KindSource, emergelog.MergeMerged, 2000, 2100)
		m.CPV = cpv
		return &history.MergeHistory{ByCP: map[string][]*logs.Merge{"dev-lang/python": {m}}}
	}
	slots := map[string]string{"dev-lang/python-3.12.4": "3.12", "dev-lang/python-3.12.5": "3.12", "dev-lang/python-3.13.1": "3.13"}
	for cpv, want := range map[string]string{
		"dev-lang/python-3.12.4": "retried",
		"dev-lang/python-3.12.5": "replaced",
		"dev-lang/python-3.13.1": "open",
		"dev-lang/python-3.14.0": "replaced", // nothing tells its slot
	} {
		row := Failure{CPV: "dev-lang/python-3.12.4", At: 1000}
		resolve(later(cpv), &row, slots)
		if string(row.Resolution) != want {
			t.Errorf("%s was merged: want %s, got %s", cpv, want, row.Resolution)
		}
	}
}
