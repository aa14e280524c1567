// Package emergelog reads Portage's emerge.log. It turns bytes into events, and
// events into runs.
//
// # Grammar
//
// Portage appends one line per message (lib/_emerge/emergelog.py:18-52):
//
//	line    = time ": " message LF
//	time    = unix seconds in decimal, taken after the file's lock is held
//	message = text as the caller gave it; most callers begin with one blank,
//	          so that the line shows two blanks after the colon
//
// The number of blanks is part of the message. "=== Unmerging..." with one blank is
// a requested removal (unmerge.py:650, PackageUninstall.py:98). With two blanks it
// is the automatic removal of the version that a merge replaced (vartree.py:5212).
// Before 2009-03 (de8d6857a) both had one blank. From 2008-03 (42a51c2c7) until
// then, automatic removals were not logged.
//
// The lines of one run, with their timestamps (lib/_emerge/actions.py:4071-4095,
// Scheduler.py:1170 and 1328, post_emerge.py:104-108, main.py:1379):
//
//	TIME: Started emerge on: LOCAL DATE
//	TIME:  *** emerge ARGS
//	TIME:  *** Resuming merge...
//	       ... merges, removals, syncs ...
//	TIME:  *** Finished. Cleaning up...
//	TIME:  *** exiting successfully.                     or
//	TIME:  *** exiting unsuccessfully with status 'N'.
//	TIME:  *** terminating.
//
// Until 2011-11, "*** RESTARTING emerge via exec()" could replace the last line. A
// run need not have every line: only merges and removals log an exit status, and a
// run that a signal ended does not log "Finished".
//
// The lines of one merge, some of which only binary packages have
// (MergeListItem.py:81, EbuildBuild.py:219-576, Binpkg.py:182 and 299,
// vartree.py:5204-5230, Scheduler.py:409-426 and 2604, EbuildMerge.py:74-79):
//
//	TIME:  >>> emerge (N of M) CPV to ROOT
//	TIME:  === (N of M) Cleaning (CPV::EBUILD)
//	TIME:  === (N of M) Compiling/Merging (CPV::EBUILD)    or Compiling/Packaging
//	TIME:  === Resource usage for CPV [PAIRS]              FEATURES=cgroup
//	TIME:  === (N of M) Merging (CPV::EBUILD)
//	TIME:  --- (N of M) Fetching Binary (CPV::FILE.partial)
//	TIME:  === (N of M) Merging Binary (CPV::FILE)
//	TIME:  >>> AUTOCLEAN: CAT/PN:SLOT                      without SLOT until 2008-03
//	TIME:  === Unmerging... (OLD CPV)
//	TIME:  >>> unmerge success: OLD CPV                    or !!! unmerge FAILURE: OLD CPV
//	TIME:  === (N of M) Updating world file (CPV)
//	TIME:  === (N of M) Post-Build Cleaning (CPV::FILE)
//	TIME:  ::: completed emerge (N of M) CPV to ROOT
//
// The lines of a sync (emaint/modules/sync/sync.py:72, sync/controller.py:189-225,
// sync/modules/rsync/rsync.py:360-781, sync/modules/git/git.py):
//
//	TIME:  === sync
//	TIME: >>> Syncing repository 'NAME' into 'LOCATION'...
//	TIME: >>> Starting rsync with URL                      "starting" until 2006-01
//	TIME: >>> Starting retry I of N with URL
//	TIME: >>> Cancelling sync -- Already current.
//	TIME: !!! git fetch error in LOCATION                  and other modules' errors
//	TIME: === Sync completed for NAME                      "with URL" until 2015
//
// The git dialects of 2008 to 2015 use other words for the first and the last line.
//
// # What the log does not say
//
// The log has neither process ids nor run ids. The parser assigns a step to a run
// by (N, M, cpv) and by the root, if the line has it. If several open runs fit, the
// record is marked Uncertain. A failed build has no line of its own. When a run
// ends, each of its open merges has failed, was interrupted, or has done everything
// that was requested (with --fetchonly and --buildpkgonly). --keep-going restarts
// the count inside a run (Scheduler.py:1306-1315). SIGKILL leaves no line, so only
// later lines show that a run was killed. If such a run writes again, it is open
// again.
//
// # What is tolerated
//
// The parser tolerates lines of any length, blocks of NUL bytes, CRLF, lines that
// are truncated or joined, bytes that are not UTF-8, newlines inside arguments, and
// an incomplete last line. If the clock is set back, or ahead by a week, the
// records stay and their durations are unknown. Damage becomes a [Damage] with its
// position and length. No byte belongs to both an event and a Damage. Times come
// from the timestamps. The parser ignores the local date in "Started emerge on", so
// nothing depends on a time zone.
//
// # Reading in pieces
//
// A [Parser] keeps only open runs in memory. [Parser.MarshalBinary] stores its
// state. A log that is read in several pieces, or in several rotated files, gives
// the same records as a log read at once. A last line without newline is
// provisional: [Parser.Read] returns the position before it, and [Parser.Open]
// includes its effect.
package emergelog
