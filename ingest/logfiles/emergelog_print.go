package logfiles

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"slices"

	"emaudit/parse/emergelog"
)

// logPrint identifies the bytes that were read of a file of emerge.log. It
// recognises the file under another name or compressed, detects that the file was
// truncated and written again, and separates known lines from new ones.
type logPrint struct {
	head logDigest // of the first bytes
	tail logDigest // of the last bytes before the bookmark
	// lines are digests of the lines in tail that have the time of the last line. Times
	// are in seconds, so another line of that second can be new.
	lines []uint64
}

// logDigest is the SHA-256 of some bytes. A length of 0 means that there is none.
type logDigest struct {
	length int64
	sum    [sha256.Size]byte
}

// tailSize is the number of bytes before a bookmark that are compared: some 80 lines.
const tailSize = 8192

func digestOf(b []byte) logDigest { return logDigest{int64(len(b)), sha256.Sum256(b)} }

// begins reports whether head begins with the bytes of d.
func (d logDigest) begins(head []byte) bool {
	return d.length != 0 && d.length <= int64(len(head)) && digestOf(head[:d.length]) == d
}

// parsePrint is the inverse of marshal.
func parsePrint(data []byte) logPrint {
	var p logPrint
	for _, d := range []*logDigest{&p.head, &p.tail} {
		length, n := binary.Uvarint(data)
		if n <= 0 || len(data) < n+sha256.Size {
			return p
		}
		d.length, d.sum = int64(length), [sha256.Size]byte(data[n:])
		data = data[n+sha256.Size:]
	}
	for ; len(data) >= 8; data = data[8:] {
		p.lines = append(p.lines, binary.LittleEndian.Uint64(data))
	}
	return p
}

func (p *logPrint) marshal() []byte {
	var data []byte
	for _, d := range []logDigest{p.head, p.tail} {
		data = append(binary.AppendUvarint(data, uint64(d.length)), d.sum[:]...)
	}
	for _, line := range p.lines {
		data = binary.LittleEndian.AppendUint64(data, line)
	}
	return data
}

// setTail sets the digests of the last bytes that were read. lastAt is the time of the
// last line.
func (p *logPrint) setTail(tail []byte, lastAt int64) {
	p.tail, p.lines = digestOf(tail), nil
	for line := range bytes.Lines(tail) {
		if at, ok := emergelog.FirstTime(line); ok && at == lastAt {
			p.lines = append(p.lines, lineDigest(line))
		}
	}
}

func lineDigest(line []byte) uint64 {
	h := fnv.New64a()
	h.Write(bytes.TrimRight(line, "\r\n"))
	return h.Sum64()
}

// continues reports whether f begins with the bytes that were read of a segment, as far
// as its print can tell. more reports whether bytes follow the bookmark. tail has the
// last bytes before the bookmark.
func (r reader) continues(f *logFile, print *logPrint, position int64) (ok, more bool, tail []byte) {
	if r.readHead(f) != nil || !print.head.begins(f.head) {
		return false, false, nil
	}
	log, err := r.openLog(f)
	if err != nil {
		return false, false, nil
	}
	defer log.Close()
	if seek(log, position-print.tail.length) != nil {
		return false, false, nil
	}
	tail = make([]byte, print.tail.length)
	if _, err := io.ReadFull(log, tail); err != nil || print.tail.length != 0 && digestOf(tail) != print.tail {
		return false, false, nil
	}
	n, err := io.ReadFull(log, make([]byte, 1))
	// A compressed file that is cut off may have more bytes later.
	return true, n == 1 || err != nil && !errors.Is(err, io.EOF), tail
}

// tailReader keeps the last bytes that were read.
type tailReader struct {
	io.Reader
	kept []byte
	end  int64 // offset behind the last byte
}

func (t *tailReader) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.kept = append(t.kept, p[max(0, n-2*tailSize):n]...)
	if excess := len(t.kept) - 2*tailSize; excess > 0 {
		t.kept = slices.Delete(t.kept, 0, excess)
	}
	t.end += int64(n)
	return n, err
}

// before returns the last bytes before an offset, as far as they were kept.
func (t *tailReader) before(offset int64) []byte {
	kept := t.kept[:max(0, int64(len(t.kept))-(t.end-offset))]
	return kept[max(0, len(kept)-tailSize):]
}
