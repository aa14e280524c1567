package ingest

import "io"

// windowSize is what one read of a binary package takes along: the headers, the
// metadata and, in most packages, the Manifest are in two of it.
const windowSize = 16 << 10

// windows reads a file through two windows, the older of which moves when bytes
// outside of both are asked for. A scan asks for a dozen small pieces at both
// ends of a file; two system calls in place of a dozen save a tenth of its time.
type windows struct {
	file  io.ReaderAt
	size  int64
	next  int
	views [2]struct {
		at   int64
		data []byte
	}
}

// open begins to read a file of size bytes.
func (w *windows) open(file io.ReaderAt, size int64) {
	w.file, w.size, w.next = file, size, 0
	for i := range w.views {
		w.views[i].data = w.views[i].data[:0]
	}
}

// ReadAt reads from a window where it can, as [io.ReaderAt] has it.
func (w *windows) ReadAt(p []byte, off int64) (int, error) {
	for i := range w.views {
		if data, ok := w.within(i, len(p), off); ok {
			return copy(p, data), nil
		}
	}
	if len(p) >= windowSize || off+int64(len(p)) > w.size || off < 0 {
		return w.file.ReadAt(p, off)
	}
	v := &w.views[w.next]
	if v.data == nil {
		v.data = make([]byte, 0, windowSize)
	}
	v.at = off
	if off > w.size/2 {
		// Whoever looks at the end goes on to look before it.
		v.at = max(0, w.size-windowSize)
		if v.at > off {
			v.at = off
		}
	}
	n, err := w.file.ReadAt(v.data[:min(windowSize, w.size-v.at)], v.at)
	v.data = v.data[:n]
	data, ok := w.within(w.next, len(p), off)
	if !ok {
		v.data = v.data[:0]
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	w.next ^= 1
	return copy(p, data), nil
}

// within returns the n bytes at off where a window has all of them.
func (w *windows) within(i, n int, off int64) ([]byte, bool) {
	v := &w.views[i]
	from := off - v.at
	if from < 0 || from+int64(n) > int64(len(v.data)) {
		return nil, false
	}
	return v.data[from : from+int64(n)], true
}
