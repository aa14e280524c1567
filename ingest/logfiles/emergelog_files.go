package logfiles

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"emaudit/hostfs"
	"emaudit/parse/emergelog"
	"emaudit/store/logs"
)

const (
	// headSize is the number of bytes at the beginning of a log that give its first
	// time, and identify it under another name.
	headSize = 4096
	// maxWindow is the largest window of a decoder, in bytes: enough for xz -9 and
	// zstd --ultra.
	maxWindow = 128 << 20
	// maxLog is the largest size of a decompressed log, far above any real one.
	maxLog = logs.SegmentSpan
)

// logFile is one file of emerge.log as it was found.
type logFile struct {
	hostfs.Entry
	path    string // inside the root
	current bool   // the file that Portage writes to
	head    []byte // the first bytes, decompressed
	firstAt int64  // time of the first line, 0 where none has one
}

// firstLine returns the first line in f.head.
func (f *logFile) firstLine() []byte {
	line, _, _ := bytes.Cut(f.head, []byte("\n"))
	return line
}

// logFiles finds emerge.log, its rotated files in the same folder (NAME.1,
// NAME-20260131, NAME.old, each with or without .gz, .bz2, .xz or .zst), and the given
// files. The error is that of emerge.log itself. The other files are found even then.
func (r reader) logFiles(given []*logFile) (files []*logFile, err error) {
	log := r.Settings.EmergeLog()
	current, err := r.Root.Stat(log)
	if err == nil && current.Kind != hostfs.Regular {
		err = &hostfs.KindError{Kind: current.Kind}
	}
	if err == nil {
		files = append(files, &logFile{Entry: current, path: log, current: true})
	}
	for _, f := range given {
		files = addLog(files, f)
	}
	entries, _ := r.Root.Entries(path.Dir(log)) // after an error, only the rotated files are missing
	for _, e := range entries {
		if e.Kind == hostfs.Regular && isRotated(path.Base(log), e.Name) {
			files = addLog(files, &logFile{Entry: e, path: path.Join(path.Dir(log), e.Name)})
		}
	}
	return files, err
}

// givenLogs finds the files that the user named. A missing one is an error, because
// the user wants it read.
func (r reader) givenLogs() ([]*logFile, error) {
	var files []*logFile
	for _, given := range r.Logs {
		entry, err := r.Root.Stat(given)
		if err == nil && entry.Kind != hostfs.Regular {
			err = &hostfs.KindError{Kind: entry.Kind}
		}
		if err != nil {
			return nil, fmt.Errorf("log %s: %w", given, err)
		}
		files = append(files, &logFile{Entry: entry, path: given})
	}
	return files, nil
}

// addLog adds a file unless it is in the list, perhaps under another name.
func addLog(files []*logFile, f *logFile) []*logFile {
	if slices.ContainsFunc(files, func(known *logFile) bool { return known.Dev == f.Dev && known.Inode == f.Inode }) {
		return files
	}
	return append(files, f)
}

// isRotated reports whether name is that of a rotated file of log, as logrotate
// (with dateext or extension, or without) and administrators name them.
func isRotated(log, name string) bool {
	for _, suffix := range []string{".gz", ".bz2", ".xz", ".zst"} {
		if plain, ok := strings.CutSuffix(name, suffix); ok {
			name = plain
			if name == log {
				return true
			}
			break
		}
	}
	rest, ok := strings.CutPrefix(name, log)
	if extension := path.Ext(log); !ok {
		if rest, ok = strings.CutPrefix(name, strings.TrimSuffix(log, extension)); !ok {
			return false
		}
		if rest, ok = strings.CutSuffix(rest, extension); !ok {
			return false
		}
	}
	if rest == ".old" {
		return true
	}
	if len(rest) < 2 || rest[0] != '.' && rest[0] != '-' {
		return false
	}
	return strings.Trim(rest[1:], "0123456789-._T") == ""
}

// openLog opens one file of the log. The content, not the name, decides how it is
// decompressed.
func (r reader) openLog(f *logFile) (io.ReadCloser, error) {
	file, err := r.Root.OpenFile(f.path, maxLog)
	if err != nil {
		return nil, err
	}
	plain, err := decompressed(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	return plain, nil
}

// decodedLog is a compressed file with its decoder.
type decodedLog struct {
	io.Reader
	file  *os.File
	close func()
}

func (d *decodedLog) Close() error {
	if d.close != nil {
		d.close()
	}
	return d.file.Close()
}

// decompressed returns a reader of the decompressed content of a file.
func decompressed(file *os.File) (io.ReadCloser, error) {
	var magic [6]byte
	n, err := file.ReadAt(magic[:], 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	d := &decodedLog{file: file}
	switch head := magic[:n]; {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		d.Reader, err = gzip.NewReader(file)
	case bytes.HasPrefix(head, []byte("BZh")):
		d.Reader, err = bzip2.NewReader(file), nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		d.Reader, err = xz.ReaderConfig{DictCap: maxWindow}.NewReader(file)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		var z *zstd.Decoder
		z, err = zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow))
		if err == nil {
			d.Reader, d.close = z, z.Close
		}
	default:
		return file, nil
	}
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	d.Reader = io.LimitReader(d.Reader, maxLog)
	return d, nil
}

// readHead fills f.head and f.firstAt.
func (r reader) readHead(f *logFile) error {
	if f.head != nil {
		return nil
	}
	log, err := r.openLog(f)
	if err != nil {
		return err
	}
	defer log.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(log, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	f.head = head[:n]
	f.firstAt, _ = emergelog.FirstTime(f.head)
	return nil
}

// withoutCopies separates the new files that are copies: their whole content is the
// beginning of another file. Both emerge.log.1 and emerge.log.1.gz exist while logrotate
// compresses, or if it was stopped; administrators copy a log before they change it.
func (r reader) withoutCopies(fresh, parts []*logPart) (originals, copies []*logPart) {
	for _, p := range fresh {
		isCopy := !p.file.current && len(p.diags) == 0 && slices.ContainsFunc(slices.Concat(parts, fresh), func(other *logPart) bool {
			return other != p && other.file != nil && len(other.diags) == 0 && !slices.Contains(copies, other) && r.isCopy(p.file, other.file)
		})
		if isCopy {
			copies = append(copies, p)
		} else {
			originals = append(originals, p)
		}
	}
	return originals, copies
}

// isCopy reports whether the content of f is the beginning, or all, of other.
func (r reader) isCopy(f, other *logFile) bool {
	if r.readHead(f) != nil || r.readHead(other) != nil || len(f.head) == 0 || !bytes.HasPrefix(other.head, f.head) {
		return false
	}
	if len(f.head) < headSize {
		return true
	}
	log, err := r.openLog(f)
	if err != nil {
		return false
	}
	defer log.Close()
	whole, err := r.openLog(other)
	if err != nil {
		return false
	}
	defer whole.Close()
	return isPrefix(log, whole)
}

// isPrefix reports whether whole begins with the bytes of log. A compressed file that
// is not complete yet ends at the first read error.
func isPrefix(log, whole io.Reader) bool {
	a, b := make([]byte, compareSize), make([]byte, compareSize)
	for {
		n, err := io.ReadFull(log, a)
		m, _ := io.ReadFull(whole, b[:n])
		if m < n || !bytes.Equal(a[:n], b[:m]) {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// compareSize is the number of bytes of two logs that are compared at a time.
const compareSize = 64 << 10
