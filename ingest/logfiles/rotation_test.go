package logfiles

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rotation does to a log what logrotate and people do to it. Whatever they do,
// every event of every line that an ingest could see is stored once.
type rotation struct {
	*logHost
	rng     *rand.Rand
	clock   int64
	runs    int
	pending []string // lines of the run that is at work
	all     []byte   // every line that was ever written
	backups [][]byte
	done    []string
}

// lines returns the next lines of a log, of runs that follow each other. Lines of
// one second occur, also before and after a change of files.
func (r *rotation) lines(count int) []byte {
	var b []byte
	for range count {
		if len(r.pending) == 0 {
			r.runs++
			cpv := fmt.Sprintf("app-misc/p%d-%d", r.runs%7, r.runs)
			r.pending = []string{
				" Started emerge on: Jan 01, 2026 00:00:00", "  *** emerge =" + cpv, "  >>> emerge (1 of 1) " + cpv + " to /",
				"  === (1 of 1) Cleaning (" + cpv + "::/r/p.ebuild)", "  === (1 of 1) Compiling/Merging (" + cpv + "::/r/p.ebuild)",
				"  === (1 of 1) Merging (" + cpv + "::/r/p.ebuild)", "  ::: completed emerge (1 of 1) " + cpv + " to /",
				"  *** Finished. Cleaning up...", "  *** exiting successfully.", "  *** terminating.",
			}
			r.clock++
		}
		r.clock += int64(r.rng.IntN(2))
		b = fmt.Appendf(b, "%d:%s\n", r.clock, r.pending[0])
		r.pending = r.pending[1:]
	}
	r.all = append(r.all, b...)
	return b
}

// read returns what a file holds, nil where it is not there.
func (r *rotation) read(name string) []byte {
	data, err := os.ReadFile(r.path(name))
	if err != nil && !os.IsNotExist(err) {
		r.tb.Fatal(err)
	}
	return data
}

// old returns the names of the rotated files, newest first.
func (r *rotation) old() []string {
	names, err := filepath.Glob(r.path("emerge.log.*"))
	if err != nil {
		r.tb.Fatal(err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	slices.Sort(names)
	return names
}

// shift frees the name emerge.log.1.
func (r *rotation) shift() {
	names := r.old()
	slices.Reverse(names)
	for _, name := range names {
		number, suffix := name[len("emerge.log.")], name[len("emerge.log.")+1:]
		if number == '9' {
			r.remove(name)
			continue
		}
		r.rename(name, fmt.Sprintf("emerge.log.%c%s", number+1, suffix))
	}
}

// cut returns a part of a log that ends, and begins, with a line.
func (r *rotation) cut(log []byte, front bool) []byte {
	lines := slices.Collect(bytes.Lines(log))
	if len(lines) == 0 {
		return nil
	}
	n := r.rng.IntN(len(lines))
	if front {
		return bytes.Join(lines[n:], nil)
	}
	return bytes.Join(lines[:n], nil)
}

// put writes a file in place, or another one under its name.
func (r *rotation) put(name string, data []byte) {
	if r.rng.IntN(2) == 0 {
		os.Remove(r.path(name))
	}
	r.write(name, data)
}

// steps are what can happen; each loses only lines that an ingest has seen.
var steps = []struct {
	name string
	do   func(r *rotation)
}{
	{"append", func(r *rotation) { r.add("emerge.log", r.lines(1+r.rng.IntN(25))) }},
	{"append in two pieces", func(r *rotation) {
		fresh := r.lines(1 + r.rng.IntN(5))
		at := r.rng.IntN(len(fresh))
		r.add("emerge.log", fresh[:at])
		r.ingest()
		r.add("emerge.log", fresh[at:])
	}},
	{"rename", func(r *rotation) {
		if r.read("emerge.log") != nil {
			r.shift()
			r.rename("emerge.log", "emerge.log.1")
		}
	}},
	{"copytruncate", func(r *rotation) {
		if log := r.read("emerge.log"); log != nil {
			r.shift()
			r.write("emerge.log.1", log)
			r.write("emerge.log", nil)
		}
	}},
	{"compress", func(r *rotation) {
		for _, name := range r.old() {
			if !strings.HasSuffix(name, ".gz") && r.rng.IntN(2) == 0 {
				r.write(name+".gz", gzipped(r.tb, r.read(name)))
				if r.rng.IntN(2) == 0 {
					r.ingest()
				}
				r.remove(name)
			}
		}
	}},
	{"delete an old one", func(r *rotation) {
		r.ingest()
		if names := r.old(); len(names) > 0 {
			r.remove(names[r.rng.IntN(len(names))])
		}
	}},
	{"delete", func(r *rotation) {
		r.ingest()
		os.Remove(r.path("emerge.log"))
	}},
	{"empty", func(r *rotation) {
		r.ingest()
		r.write("emerge.log", nil)
	}},
	{"cut the end off", func(r *rotation) {
		r.ingest()
		r.put("emerge.log", r.cut(r.read("emerge.log"), false))
	}},
	{"cut the beginning off", func(r *rotation) {
		r.ingest()
		r.put("emerge.log", r.cut(r.read("emerge.log"), true))
	}},
	{"back up", func(r *rotation) {
		if log := r.read("emerge.log"); len(log) > 0 {
			r.backups = append(r.backups, log)
		}
	}},
	{"restore", func(r *rotation) {
		r.ingest()
		if len(r.backups) > 0 {
			r.put("emerge.log", r.backups[r.rng.IntN(len(r.backups))])
		}
	}},
	{"restore beside", func(r *rotation) {
		if len(r.backups) > 0 && r.read("emerge.log.8") == nil {
			r.write("emerge.log.8", r.backups[r.rng.IntN(len(r.backups))])
		}
	}},
	{"restore all", func(r *rotation) {
		r.ingest()
		r.put("emerge.log", r.all)
	}},
	{"ingest", func(r *rotation) { r.ingest() }},
}

func TestEveryLineOfALogIsStoredOnceWhateverRotationDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rotations) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := &rotation{logHost: newLogHost(t), rng: rand.New(rand.NewPCG(seed, 13)), clock: 1_767_225_600}
			for range 5 + r.rng.IntN(25) {
				step := steps[r.rng.IntN(len(steps))]
				if r.rng.IntN(3) == 0 {
					step = steps[0]
				}
				r.done = append(r.done, step.name)
				step.do(r)
			}
			r.ingest()
			if diff := cmp.Diff(wholeHistory(t, r.all), r.history()); diff != "" {
				t.Errorf("after %s (-whole +rotated)\n%s", strings.Join(r.done, ", "), diff)
			}
			if result := r.ingest(); result.Changed || result.Read != 0 {
				t.Errorf("nothing changed, but: %+v", result)
			}
		})
	}
}

// rotations is how many random rotations a test drives.
const rotations = 100
