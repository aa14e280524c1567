// Package interrupt ends a program on signals.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Grace is how long the work of emaudit may go on after the first signal. It is
// less than the second that is promised.
const Grace = 900 * time.Millisecond

// Context returns a context that the first SIGINT, SIGTERM or SIGHUP ends. last
// is called at the second one, or where stop was not called within grace of the
// first one: it must end the program. That may happen at any point, so whatever
// is written must bear a kill.
//
// SIGHUP stays ignored where it is, as under nohup(1).
func Context(grace time.Duration, last func()) (ctx context.Context, stop func()) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan os.Signal, len(signals))
	stopped := make(chan struct{})
	signal.Notify(got, signals...)
	go func() {
		select {
		case <-got:
		case <-stopped:
			return
		}
		cancel()
		select {
		case <-got:
		case <-time.After(grace):
		case <-stopped:
			return
		}
		last()
	}()
	return ctx, func() {
		signal.Stop(got)
		close(stopped)
		cancel()
	}
}
