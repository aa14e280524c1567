// Package prune is the one door through which emaudit changes PKGDIR: it
// carries out what package audit planned, and takes it back.
//
// # What it does
//
// [PkgDir.Apply] takes files out of a folder of binary packages and their
// entries out of its index, [PkgDir.Undo] brings both back, [PkgDir.Empty]
// deletes for good what has waited long enough, and [PkgDir.Recover] finishes
// what a killed process left half done; the other three begin with it. All of
// them hold Portage's own lock of the index.
//
// # The quarantine
//
// Files are not deleted but renamed to PKGDIR/.emaudit-quarantine/ID/NUMBER.
// PKGDIR is the only place sure to be on the same file system: it is often a mount
// point or a subvolume. Where others can rename what lies in PKGDIR, the nearest
// folder above it is taken that is on the same mount and closed to them. Portage's
// own walk goes through every folder below PKGDIR, hidden ones too, and takes
// up whatever regular file ends in .gpkg.tar, .xpak or .tbz2 (bintree.py,
// _populate_local); hence the numbers. The folder is closed to others (0700),
// so that a web server which publishes PKGDIR does not publish it.
//
// # The journal
//
// Each ID is a journal: a folder with these files.
//
//	journal       what is to be moved where, written and synced before anything
//	              moves; its presence says that something may have moved
//	Packages      the index as it was, byte by byte; also Packages.gz
//	1, 2, ...     the files
//	applied       everything has moved and is on disk
//	emptying      the files are being deleted and cannot be brought back
//	finished      everything is back; the folder itself is to be removed
//
// Only one of journal.part, journal and finished is there; each replaces the
// one before by a rename. A rename within one file system either happened or
// did not, so that after a kill the folder itself tells how far things went:
//
//	no journal                    nothing was changed: remove the folder
//	journal alone                 put everything back
//	journal and applied           done; what --undo takes back
//	journal and emptying          go on deleting
//	finished                      remove the folder
//
// Putting back is idempotent: what lies in the quarantine goes to where it
// was, what does not is there already. So a kill while putting back is
// answered by putting back.
//
// # The order
//
// The entries leave the index before the files leave PKGDIR, and files return
// before their entries do. Between the two the index has less than there is,
// which Portage does not mind; it never has more, over which emerge would die
// ("Tried to use non-existent binary").
//
// New index files are written in the journal's folder and renamed over the old
// ones, so that a full disk is noticed before anything has changed, and a
// reader without the lock sees the old or the new file.
//
// # What is promised
//
//   - All or nothing: an error in the middle puts everything back.
//   - A file that is not the one that was planned with (inode, size, mtime in
//     nanoseconds), or that no longer is a candidate, is left alone.
//   - No path is opened: every step is relative to an open folder, one
//     component at a time, and follows no symlink. PKGDIR itself may be reached
//     through symlinks, which are resolved inside the root.
//   - Nothing is obeyed that others can have written: a quarantine, a journal
//     and each file of it must belong to the effective user and be closed to
//     others. That is looked at when they are open. docs/security.md tells more.
//   - A new file never has set-id bits. An index has the owner and mode of the
//     one that it replaces, a new folder those of the one that it lies in.
//   - One sync before the first move and one after the last, however many
//     files there are: the former makes the journal last through a power cut,
//     the latter the moves.
//
// # Sources
//
// Portage 3.0.82 at a20ef27af: lib/portage/locks.py (the lock, its being
// unlinked, the comparison of inodes), lib/portage/dbapi/bintree.py:940
// (locking the index), 1064 (the walk), 2252 (writing the index);
// lib/portage/emaint/modules/binhost/binhost.py (what emaint compares).
//
// # Limits
//
// The index is not written where it is a symlink, or has a second name in a
// PKGDIR that others can write, and nothing is moved then.
// Header keys other than TIMESTAMP and PACKAGES stay as they were: Portage
// would renew them from its settings. Folders that become empty stay. Whoever can
// write to PKGDIR can hold the lock for ever, and can move a quarantine away that
// had to be put there. A lock
// by hard links, which Portage uses where the file system has no fcntl locks,
// is not taken: such a PKGDIR is refused.
package prune
