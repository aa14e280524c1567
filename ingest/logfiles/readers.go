package logfiles

import (
	"context"
	"io"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/mergelog"
)

// maxOutput applies to build logs and to summary.log, compressed and decompressed,
// in bytes. Large ones have some hundred million: a larger file is not of that
// kind, and reading it would take minutes.
const maxOutput = 2 << 30

// bounded returns an error after a number of bytes. A small file can decompress to
// a large text, and a file can grow while it is read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, hostfs.ErrTooLarge
	}
	return n, err
}

// gunzipped returns the text of a file, decompressed if it is a gzip file. damage, to be
// called after the reading, returns what could not be decompressed.
func gunzipped(r io.Reader, isGzip bool) (text io.Reader, damage func() []parse.Diagnostic) {
	if !isGzip {
		return r, func() []parse.Diagnostic { return nil }
	}
	z := mergelog.NewGzipReader(r)
	return z, z.Diagnostics
}

// meteredReader reports the bytes read, and stops when the ingest is cancelled.
type meteredReader struct {
	ctx   context.Context
	r     io.Reader
	meter ingest.Meter
}

func (m *meteredReader) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.meter.Add(int64(n))
	return n, err
}
