package box

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// tailSize is how many bytes of the output an [Outcome] holds.
const tailSize = 16 << 10

// checkRoom is the interval at which the free space of a scratch folder is checked. A
// disk writes at most a few hundred megabytes in that time.
const checkRoom = 100 * time.Millisecond

// Run runs a command and waits for it. It then ends the processes that the command left
// running. The error is about the box and not about the command: it wraps the error of
// ctx if that ended the command, and [ErrEnded] if the box has ended.
func (b *Box) Run(ctx context.Context, s Step) (Outcome, error) {
	if b.dead {
		return Outcome{}, fmt.Errorf("drill: %w", ErrEnded)
	}
	begin := b.options.Now()
	b.event(Event{Step: s.Name})
	if err := b.out.Encode(request{Step: &Step{Name: s.Name, Argv: s.Argv, Env: append(append([]string{}, b.options.Env...), s.Env...), Dir: s.Dir, AppendTo: s.AppendTo}}); err != nil {
		b.dead = true
		return Outcome{}, fmt.Errorf("drill: %w: %w", ErrEnded, err)
	}
	var o Outcome
	var tail []byte
	var late <-chan time.Time
	if b.limited {
		timer := time.NewTimer(max(b.left, 0))
		defer timer.Stop()
		late = timer.C
	}
	room := time.NewTicker(checkRoom)
	defer room.Stop()
	stopped := ctx.Done()
	for {
		select {
		case <-stopped:
			// The caller closes the box, which ends everything.
			b.dead = true
			return o, ctx.Err()
		case <-late:
			o.TimedOut = true
			b.kill()
		case <-room.C:
			if b.scratch != nil && !o.NoRoom && b.scratch.isFull() {
				o.NoRoom = true
				b.kill()
			}
		case r, ok := <-b.replies:
			if !ok {
				b.dead = true
				return o, fmt.Errorf("drill: %s: %w", s.Name, ErrEnded)
			}
			if r.Output != nil {
				if err := b.log(r.Output); err != nil {
					b.dead = true
					return o, fmt.Errorf("drill: log: %w", err)
				}
				if s.Output != nil {
					if _, err := s.Output.Write(r.Output); err != nil {
						b.dead = true
						return o, fmt.Errorf("drill: output: %w", err)
					}
				}
				tail = append(tail, r.Output...)
				tail = tail[max(0, len(tail)-tailSize):]
				b.lines.add(r.Output, func(line string) { b.event(Event{Step: s.Name, Line: line}) })
			}
			if r.Exit == nil {
				continue
			}
			b.lines.flush(func(line string) { b.event(Event{Step: s.Name, Line: line}) })
			o.ExitCode, o.Signal, o.Tail = r.Exit.Code, r.Exit.Signal, string(tail)
			o.Duration = b.options.Now().Sub(begin)
			b.left -= o.Duration
			return o, nil
		}
	}
}

// log writes output of a command into the log, as far as there is room.
func (b *Box) log(output []byte) error {
	size := cmp.Or(b.options.LogSize, DefaultLogSize)
	room := size - b.logged
	switch {
	case b.logFull:
		return nil
	case int64(len(output)) > room:
		b.logFull = true
		output = fmt.Appendf(output[:room:room], "\ndrill: the log ends here: the commands printed more than %d bytes\n", size)
	}
	n, err := b.options.Log.Write(output)
	b.logged += int64(n)
	return err
}

// kill ends the command that runs, and all that it started.
func (b *Box) kill() {
	// If this fails, the box has ended, and the next reply says so.
	_ = b.out.Encode(request{Kill: true})
}

func (b *Box) event(e Event) {
	if b.options.Progress != nil {
		b.options.Progress(e)
	}
}

// lines cuts output into lines.
type lines struct{ rest []byte }

// maxLine is the largest length of a line, in bytes; a longer one is cut.
const maxLine = 64 << 10

func (l *lines) add(p []byte, each func(string)) {
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexAny(l.rest, "\n\r")
		if i < 0 && len(l.rest) < maxLine {
			return
		}
		if i < 0 {
			i = maxLine - 1
		}
		if i > 0 {
			each(string(l.rest[:i]))
		}
		l.rest = append(l.rest[:0], l.rest[i+1:]...)
	}
}

func (l *lines) flush(each func(string)) {
	if len(l.rest) > 0 {
		each(string(l.rest))
	}
	l.rest = nil
}

var errNoCommand = errors.New("no command")
