// Package prune is the only room that changes PKGDIR. It carries out a plan of
// package cleanup, and takes it back.
//
// # What it does
//
// [PkgDir.Apply] takes files out of a folder of binary packages and their
// entries out of its index. [PkgDir.Undo] brings both back. [PkgDir.Empty]
// deletes for good what has waited long enough. [PkgDir.Recover] finishes what a
// killed process left half done; the other three begin with it. All of them hold
// Portage's own lock of the index.
//
// # The quarantine
//
// Apply does not delete files. It renames them to
// PKGDIR/.emaudit-quarantine/ID/NUMBER. PKGDIR is often a mount point or a
// subvolume, so no other folder is sure to be on the same file system. If others
// can rename files in PKGDIR, the quarantine lies in the nearest folder above it
// that is on the same mount and closed to them.
//
// The names are numbers, because Portage walks through every folder below PKGDIR,
// hidden ones too, and takes every regular file that ends in .gpkg.tar, .xpak or
// .tbz2 (bintree.py, _populate_local). The mode of the folder is 0700, so that a
// web server that publishes PKGDIR does not publish it.
//
// # The journal
//
// Each ID is a journal: a folder with these files.
//
//	journal       which file moves where; written and synced before anything
//	              moves, so its presence says that something may have moved
//	Packages      the index as it was, byte by byte; also Packages.gz
//	1, 2, ...     the files
//	applied       everything has moved and is on disk
//	emptying      the files are being deleted and cannot be brought back
//	finished      everything is back; the folder itself is to be removed
//
// The folder has one of journal.part, journal and finished; each replaces the
// one before by a rename. A rename within one file system either happened or
// did not. So the folder shows after a kill how far the process came:
//
//	no journal                    nothing was changed: remove the folder
//	journal alone                 put everything back
//	journal and applied           done; what --undo takes back
//	journal and emptying          go on deleting
//	finished                      remove the folder
//
// Putting back is idempotent. A file that lies in the quarantine returns to its
// place; a file that does not is there already. So the next process answers a
// kill during putting back by putting back.
//
// # The order
//
// The entries leave the index before the files leave PKGDIR, and files return
// before their entries do. In between, the index lists less than PKGDIR holds,
// which Portage accepts. It never lists more: emerge would die of that
// ("Tried to use non-existent binary").
//
// prune writes new index files in the journal's folder and renames them over the
// old ones. So a full disk shows before anything has changed, and a reader without
// the lock sees the old file or the new one.
//
// # What is promised
//
//   - All or nothing: an error in the middle puts everything back.
//   - A file stays if it is not the file of the plan (inode, size, mtime in
//     nanoseconds), or if it is no longer a candidate.
//   - prune opens no path. Every step is relative to an open folder, takes one
//     component, and follows no symlink. Only PKGDIR itself may be reached through
//     symlinks, which are resolved inside the root.
//   - prune obeys nothing that others can write. A quarantine, a journal and each
//     file of it must belong to the effective user and be closed to others. prune
//     checks that on the open file. See docs/security.md.
//   - A new file never has set-id bits. An index has the owner and mode of the
//     index that it replaces, a new folder those of its parent.
//   - There is one sync before the first move and one after the last, for any
//     number of files. The first makes the journal survive a power cut, the second
//     the moves.
//
// # Sources
//
// Portage 3.0.82 at a20ef27af: lib/portage/locks.py (the lock, how it is
// unlinked, the comparison of inodes), lib/portage/dbapi/bintree.py:940
// (locking the index), 1064 (the walk), 2252 (writing the index);
// lib/portage/emaint/modules/binhost/binhost.py (what emaint compares).
//
// # Limits
//
// prune moves nothing if the index is a symlink, or if it has a second name in a
// PKGDIR that others can write. Header keys other than TIMESTAMP and PACKAGES stay
// as they were; Portage would renew them from its settings. Folders that become
// empty stay. A user who can write to PKGDIR can hold the lock for ever, and can
// move a quarantine away that had to be put there. Where the file system has no
// fcntl locks, Portage locks by hard links. prune does not take such a lock: it
// refuses the PKGDIR.
package prune
