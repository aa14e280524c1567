package emergelog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/sharedtest"
)

// tally counts records by what a correct tool has to say of a log.
type tally struct {
	Runs                                int
	Merged, Failed, Interrupted, Merges int
	Replaced, Removed                   int // removals that succeeded
	Synced, Unsynced                    int
	Damage                              int
}

func (r *recorder) tally() tally {
	c := tally{Runs: len(r.Runs), Merges: len(r.Merges), Damage: len(r.damage)}
	for _, m := range r.Merges {
		switch m.Outcome {
		case MergeMerged:
			c.Merged++
		case MergeFailed:
			c.Failed++
		case MergeInterrupted:
			c.Interrupted++
		}
	}
	for _, u := range r.Unmerges {
		switch {
		case u.Outcome != UnmergeOK:
		case u.Reason == UnmergeReplaced:
			c.Replaced++
		default:
			c.Removed++
		}
	}
	for _, s := range r.Syncs {
		if s.Outcome == SyncOK {
			c.Synced++
		} else {
			c.Unsynced++
		}
	}
	return c
}

// Logs from the wild that other tools keep for their tests.
func TestLogsFromTheWildAreCounted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		log  string
		want tally
	}{
		{"logs/emlop-emerge.10000.log", tally{Runs: 452, Merges: 891, Merged: 833, Failed: 25, Interrupted: 33, Replaced: 753, Removed: 80, Synced: 150, Unsynced: 13}},
		{"logs/emlop-emerge.badtimestamp.log", tally{Runs: 1, Merges: 3, Merged: 3, Damage: 3}},
		{"logs/emlop-emerge.badversion.log", tally{Runs: 1, Merges: 3, Merged: 2, Damage: 1}},
		{"logs/emlop-emerge.shortline.log", tally{Runs: 1, Merges: 3, Merged: 2, Damage: 1}},
		{"logs/emlop-emerge.nullbytes.log", tally{Runs: 1, Merges: 14, Merged: 14, Replaced: 13, Damage: 2}},
		{"logs/emlop-emerge.negtime.log", tally{Runs: 7, Merges: 5, Merged: 5, Replaced: 2, Synced: 2}},
		{"logs/emlop-emerge.dst.log", tally{Runs: 4, Merges: 5, Merged: 4, Replaced: 4, Synced: 4}},
		{"logs/emlop-emerge.sync.log", tally{Runs: 47, Merges: 7, Merged: 3, Interrupted: 4, Replaced: 1, Synced: 40, Unsynced: 14}},
		{"logs/qlop/aborts.log", tally{Runs: 4, Merges: 8, Merged: 6, Interrupted: 2, Replaced: 5}},
		{"logs/qlop/parallel.log", tally{Runs: 3, Merges: 6, Merged: 3, Replaced: 2, Synced: 1}},
		{"logs/qlop/sync.log", tally{Runs: 6, Merges: 3, Merged: 3, Replaced: 1, Removed: 3, Synced: 2}},
		{"logs/genloppy/parser.good_emerge.log", tally{Runs: 3, Merges: 2, Merged: 2, Replaced: 2, Synced: 2}},
		{"logs/genloppy/garbage", tally{Damage: 0}},
		{"real/apu/emerge.log", tally{Runs: 126, Merges: 191, Merged: 166, Failed: 21, Interrupted: 4, Replaced: 115, Removed: 30, Unsynced: 1}},
	} {
		t.Run(test.log, func(t *testing.T) {
			t.Parallel()
			r := read(t, readFile(t, sharedtest.Path(t, test.log)))
			if diff := cmp.Diff(test.want, r.tally()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// portage-utils holds that three packages are still being merged at the end of
// its log of interleaved emerges.
func TestInterleavedEmergesLeaveWhatIsStillRunning(t *testing.T) {
	t.Parallel()
	r := read(t, readFile(t, sharedtest.Path(t, "logs", "qlop", "parallel.log")))
	var running []string
	for _, m := range r.Merges {
		if m.Outcome == MergeRunning {
			running = append(running, m.CPV)
		}
	}
	want := []string{"dev-qt/qtmultimedia-5.12.5", "kde-frameworks/kxmlgui-5.62.0", "net-analyzer/wireshark-3.0.4"}
	if diff := cmp.Diff(want, running); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
