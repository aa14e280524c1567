-- The names of the files that a binary package holds, which a full read learns
-- when it unpacks the image. A rollback compares them with what is installed:
-- Portage aborts a merge that would overwrite a file of another package.
CREATE TABLE instance_files (
	instance INTEGER PRIMARY KEY REFERENCES instance(id),
	names    BLOB    NOT NULL              -- absolute paths, a line each, compressed with zstd; a folder ends in a slash, and a NUL and the target follow a symbolic link
);

-- What was unpacked before said nothing of its names: it is to be unpacked once
-- more.
UPDATE instance SET image_checked = 0;
