package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// maxInstanceFiles is the largest unpacked size of stored names, in bytes.
const maxInstanceFiles = 64 << 20

var (
	namesEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	namesDecoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInstanceFiles))
)

// putInstanceFiles stores the names of the files in an instance, one on each line.
func (tx *Tx) putInstanceFiles(instance int64, names []byte) error {
	if len(names) > maxInstanceFiles {
		names = nil
	}
	if names == nil {
		_, err := tx.exec("DELETE FROM instance_files WHERE instance = ?", instance)
		return err
	}
	_, err := tx.exec("INSERT INTO instance_files (instance, names) VALUES (?, ?) ON CONFLICT (instance) DO UPDATE SET names = excluded.names",
		instance, namesEncoder.EncodeAll(names, nil))
	return err
}

// InstanceFiles returns the names of an instance's files, in the form that
// binpkg.ReadImageNames reads. ok is false if no full read has stored them.
func (tx *Tx) InstanceFiles(instance int64) (names []byte, ok bool, err error) {
	var packed []byte
	err = tx.queryRow("SELECT names FROM instance_files WHERE instance = ?", instance).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil {
		names, err = namesDecoder.DecodeAll(packed, nil)
	}
	if err != nil {
		return nil, false, fmt.Errorf("files of instance %d: %w", instance, err)
	}
	return names, true, nil
}
