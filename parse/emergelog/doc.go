// Package emergelog reads Portage's emerge.log: bytes -> events -> runs.
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
// The number of blanks is part of the message: "=== Unmerging..." with one
// blank was asked for (unmerge.py:650, PackageUninstall.py:98), with two it is
// the automatic removal of the version that a merge replaced (vartree.py:5212).
// Before 2009-03 (de8d6857a) both had one blank, and from 2008-03 (42a51c2c7)
// until then the automatic ones were not logged at all.
//
// The lines of one run, after their times (lib/_emerge/actions.py:4071-4095,
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
// and until 2011-11, in place of the last, "*** RESTARTING emerge via exec()".
// Not every run has every line: only merges and removals exit with a status, and
// what a signal ends does not finish.
//
// The lines of one merge (MergeListItem.py:81, EbuildBuild.py:219-576,
// Binpkg.py:182 and 299, vartree.py:5204-5230, Scheduler.py:409-426 and 2604,
// EbuildMerge.py:74-79), of which a binary package has its own:
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
// with other words for begin and end in the git dialects of 2008 to 2015.
//
// # What the log does not say
//
// There is no process id and no run id. A step is attributed by (N, M, cpv) and,
// where the line has it, the root; where more than one open run would fit, the
// record is marked Uncertain. A failed build has no line of its own: what is
// open when its run ends has failed, was interrupted, or (with --fetchonly and
// --buildpkgonly) was all that was asked. --keep-going starts the count anew
// inside a run (Scheduler.py:1306-1315); a SIGKILL leaves nothing at all, so
// such a run is known only from what comes after it. A killed run that shows
// signs of life again is taken up again.
//
// # What is tolerated
//
// Lines of any length, blocks of NUL bytes, CRLF, lines cut off or glued to the
// next, bytes that are not UTF-8, newlines inside arguments, a clock that is set
// back or a week ahead (the records stay, their durations are unknown) and a last line that is
// still being written. Damage becomes a [Damage] with its place and length, and
// no byte is both part of an event and of a Damage. Times are those of the
// line; the local date in "Started emerge on" is never read, so that nothing
// depends on a time zone.
//
// # Reading in pieces
//
// A [Parser] keeps only what is open. Its state can be stored with
// [Parser.MarshalBinary] and restored, and a log that is read in any number of
// pieces, also across rotated files, gives the same records as one read whole.
// A last line without newline is provisional: [Parser.Read] returns the place
// before it, and [Parser.Open] shows what it would mean.
package emergelog
