-- What a full read of the binary packages found, and what of the index only a
-- comparison with the files shows.

-- Packages.gz beside Packages: '' = not looked at, missing, unreadable, equal
-- (the same text), differs.
ALTER TABLE pkgdir ADD COLUMN compressed_condition TEXT NOT NULL DEFAULT '';
ALTER TABLE pkgdir ADD COLUMN compressed_inode     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pkgdir ADD COLUMN compressed_size      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pkgdir ADD COLUMN compressed_mtime_ns  INTEGER NOT NULL DEFAULT 0;

-- With which keys the signatures were checked: the digest of the keyring, NULL
-- where there was none. Another keyring is a reason to check again.
ALTER TABLE instance ADD COLUMN keyring BLOB;
-- 1 where the full read also unpacked the image.
ALTER TABLE instance ADD COLUMN image_checked INTEGER NOT NULL DEFAULT 0;

-- Why Portage does not see the entry: '' where it does, else the end of a
-- sentence.
ALTER TABLE index_entry ADD COLUMN hidden TEXT NOT NULL DEFAULT '';
