// Command emaudit tells a Gentoo administrator, after any update, whether every
// installed package has a whole binary package, whether the last update can be
// undone and with which exact commands, and what in PKGDIR can go.
//
// This folder is the command line and nothing else: flags, wiring, exit codes.
// It has one file for each command; the answers come from package audit and
// are written by package report. Only main itself touches the process: clock,
// environment, arguments and exit status.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"emaudit/cli/interrupt"
	"emaudit/cli/pager"
	"emaudit/drill/box"
)

func main() { os.Exit(start(time.Now, time.Local, interrupt.Grace)) }

// start runs the command that the process was started for, and returns the exit
// code. After a signal the work has grace to end.
func start(now func() time.Time, local *time.Location, grace time.Duration) int {
	if code, isInit := box.Init(os.Args); isInit {
		return code
	}
	collectLater()
	foreign := pager.Foreign(os.Getenv, os.Getuid(), os.Geteuid())
	if foreign {
		// Programs are looked up here, and whoever has called sudo may have
		// chosen PATH.
		os.Setenv("PATH", systemPath)
	}
	ctx, stop := interrupt.Context(grace, func() {
		fmt.Fprintln(os.Stderr, "emaudit: interrupted")
		os.Exit(exitInterrupted)
	})
	defer stop()
	return run(ctx, process{
		args:    os.Args[1:],
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		env:     os.Environ(),
		euid:    os.Geteuid(),
		foreign: foreign,
		now:     now,
		local:   local,
		grace:   grace,
	})
}

// systemPath is where programs lie that only root installs.
const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin"

// collectLater lets the heap grow to 32 MiB before it is collected the first
// time, where Go would begin at 4 MiB, and returns to Go's own pace then. A warm
// command needs little more than that and ends. On the recorded host Go's own pace
// takes 1.05 (log) to 1.2 times (report) as much processor time, rollback 1.17.
func collectLater() {
	usual := debug.SetGCPercent(800)
	runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
}

// smallHeap is how many bytes of memory Go may take before it collects more often
// than it would, for up to half of the processor time. With what SQLite and the
// program's text take it is less than 100 MB.
const smallHeap = 60 << 20

// keepHeapSmall is for answers of so many rows that they take a good part of
// [smallHeap]: Go would let the heap grow to twice of what they need.
func keepHeapSmall() { debug.SetMemoryLimit(smallHeap) }
