# shellcheck shell=sh
# Sourced by the scripts beside it; needs nothing but a POSIX shell.

# The tools of the checks are pinned in a module file of their own, so that
# go.mod lists only what emaudit itself is made of.
tool() {
	go tool -modfile=.ci/tools.mod "$@"
}

# step NAME COMMAND... runs COMMAND and prints one line: how it went, seconds,
# NAME. What COMMAND prints is shown only when it fails, and ends the script.
step() {
	step_name=$1
	shift
	step_start=$(date +%s)
	step_status=0
	step_output=$("$@" 2>&1) || step_status=$?
	if [ "$step_status" -ne 0 ]; then
		printf '%s\n' "$step_output"
	fi
	step_end "$step_status"
}

# loud_step is step for a command whose output is worth reading as it runs.
loud_step() {
	step_name=$1
	shift
	step_start=$(date +%s)
	step_status=0
	"$@" || step_status=$?
	step_end "$step_status"
}

step_end() {
	if [ "$1" -eq 0 ]; then
		step_word=ok
	else
		step_word=FAILED
	fi
	printf '%-6s %4d s  %s\n' "$step_word" "$(($(date +%s) - step_start))" "$step_name"
	if [ "$1" -ne 0 ]; then
		exit "$1"
	fi
}

# prints_nothing is for tools that report by printing, whatever their status.
prints_nothing() {
	findings_status=0
	findings=$("$@") || findings_status=$?
	if [ -n "$findings" ]; then
		printf '%s\n' "$findings"
		return 1
	fi
	return "$findings_status"
}

# in_memory makes the scratch of tests a folder in memory, where there is a file
# system that has room and runs programs: tests make many small files, and most of
# that is the work of a disk's file system.
# Tests ask for GOTMPDIR before TMPDIR; what Go builds goes there too.
in_memory() {
	memory=$(mktemp -d /dev/shm/emaudit-test.XXXXXX 2>/dev/null) || return 0
	trap 'rm -rf "$memory"' EXIT
	trap 'exit 130' INT TERM
	chmod 755 "$memory" # some tests are an ordinary user
	printf '#!/bin/sh\n' >"$memory/program" && chmod +x "$memory/program"
	if "$memory/program" 2>/dev/null && [ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -ge 6291456 ]; then
		export GOTMPDIR="$memory" TMPDIR="$memory"
	fi
}
