-- What spares a verification the work that an earlier reading of the same file
-- has done.

-- CRC-32C of the packed metadata that the scan read and found nothing wrong
-- with; 0 = not known.
ALTER TABLE instance ADD COLUMN metadata_sum INTEGER NOT NULL DEFAULT 0;
-- Digest of all that the Manifest does not cover, taken when the digests of the
-- whole file were; NULL = never.
ALTER TABLE instance ADD COLUMN frame BLOB;
