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

func main() { os.Exit(start(process{now: time.Now, local: time.Local, grace: interrupt.Grace})) }

// start runs the command of the process, with the clock and the grace of p, and returns
// its exit code.
func start(p process) int {
	if code, isInit := box.Init(os.Args); isInit {
		return code
	}
	collectLater()
	foreign := pager.Foreign(os.Getenv, os.Getuid(), os.Geteuid())
	if foreign {
		// Programs are searched here. With sudo, the caller may have chosen PATH.
		os.Setenv("PATH", systemPath)
	}
	ctx, stop := interrupt.Context(p.grace, func() {
		fmt.Fprintln(os.Stderr, "emaudit: interrupted")
		os.Exit(exitInterrupted)
	})
	defer stop()
	p.args, p.env, p.euid, p.foreign = os.Args[1:], os.Environ(), os.Geteuid(), foreign
	p.stdin, p.stdout, p.stderr = os.Stdin, os.Stdout, os.Stderr
	return run(ctx, p)
}

// systemPath are folders in which only root installs programs.
const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin"

// collectLater delays the first garbage collection until the heap has 32 MiB, where
// Go would begin at 4 MiB. Later collections follow Go's own pace. Most commands end
// before the first one. On the recorded host, Go's own pace takes 1.05 (log) to 1.2
// times (report) as much processor time, rollback 1.17.
//
// Above mostMemory Go collects more often, for up to half of the processor time.
func collectLater() {
	debug.SetMemoryLimit(mostMemory)
	usual := debug.SetGCPercent(800)
	runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
}

// mostMemory is a limit in bytes. Together with SQLite and the text of the program it is
// less than 100 MB.
const mostMemory = 70 << 20
