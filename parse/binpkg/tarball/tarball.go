// Package tarball reads the headers of a tar as both Portage and archive/tar read
// them, and refuses what the two read differently.
package tarball

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const BlockSize = 512

// maxExtension bounds the payload of a GNU long name and of a pax header. PATH_MAX
// is 4096; archive/tar allows 1 MiB.
const maxExtension = 64 << 10

// The types of tar entries in ustar and in the GNU extensions.
const (
	typeRegular       = '0'
	typeRegularOld    = 0
	TypeLink          = '1'
	TypeSymlink       = '2'
	TypeCharDevice    = '3'
	TypeBlockDevice   = '4'
	TypeDir           = '5'
	TypeFifo          = '6'
	typeContiguous    = '7'
	typePax           = 'x'
	typePaxGlobal     = 'g'
	typeGNULongName   = 'L'
	typeGNULongLink   = 'K'
	typeGNUSparse     = 'S'
	typeSolarisPax    = 'X'
	typeGNUMultiVol   = 'M'
	typeGNUVolumeName = 'V'
)

// ErrTruncated means that a header, an extension or data of an entry exceeds the
// input.
var ErrTruncated = errors.New("unexpected end of the archive")

// A tarHeaderError is an implausible header. It names the field for the diagnostic.
type HeaderError struct {
	Offset int64
	field  string
	why    string
}

func (e *HeaderError) Error() string {
	return fmt.Sprintf("header at %d: %s: %s", e.Offset, e.field, e.why)
}

// Entry is one entry of a tar. name and linkname are valid until the next call
// of next.
type Entry struct {
	Name, Linkname []byte
	Typeflag       byte
	Header         int64 // offset of the first block, including extensions
	Offset         int64 // offset of the data
	Size           int64 // length of the data; 0 for types without data
}

func (e *Entry) Regular() bool {
	return e.Typeflag == typeRegular || e.Typeflag == typeContiguous
}

// Source is the input of a tarWalk: a part of a file, or a stream that can only
// be read forward.
type Source interface {
	// readAt fills p from offset. It returns errTarTruncated if the input is too
	// short.
	ReadAt(p []byte, offset int64) error
	// has reports whether the input reaches to end. A stream returns true, because
	// it cannot know; the next readAt then fails.
	Has(end int64) bool
}

// Walk reads the headers of a tar and skips the data. It accepts what
// archive/tar and Python's tarfile, the reader of Portage, both accept and read
// alike. It refuses everything else, because Portage and emaudit must never see
// different members in one file.
//
// It refuses base-256 numbers that do not begin with 0x80 or 0xff, negative sizes,
// GNU headers with times in the prefix field, star headers, Solaris and global pax
// headers that name files, sparse files, and repeated long names.
type Walk struct {
	src   Source
	Pos   int64 // offset of the next header
	End   int64 // end of the archive: after the first zero block, or the end of the input
	block [BlockSize]byte

	name, linkname   []byte // buffers for joined and extended names
	extension        []byte
	hasName, hasLink bool
	paxSize          int64
	hasPaxSize       bool
}

func (w *Walk) Reset(src Source) {
	w.src, w.Pos, w.End = src, 0, 0
}

// Next reads the next entry into e. It returns io.EOF at the end of the archive: at
// a zero block or at the end of the input.
func (w *Walk) Next(e *Entry) error {
	w.hasName, w.hasLink, w.hasPaxSize = false, false, false
	start := w.Pos
	for {
		at := w.Pos
		if err := w.src.ReadAt(w.block[:], at); err != nil {
			if errors.Is(err, ErrTruncated) && at == start && !w.src.Has(at+1) {
				w.End = at
				return io.EOF
			}
			return err
		}
		if IsZero(w.block[:]) {
			if at != start {
				return &HeaderError{at, "typeflag", "extension header without an entry"}
			}
			w.End = at + BlockSize
			return io.EOF
		}
		if err := w.parse(e, at); err != nil {
			return err
		}
		data := at + BlockSize
		switch e.Typeflag {
		case typePax, typePaxGlobal, typeGNULongName, typeGNULongLink:
			if err := w.extend(e.Typeflag, data, e.Size); err != nil {
				return err
			}
			w.Pos = data + padded(e.Size)
			if !w.src.Has(w.Pos) {
				return ErrTruncated
			}
			if e.Typeflag == typePaxGlobal {
				start = w.Pos
			}
			continue
		case typeGNUSparse, typeGNUMultiVol, typeGNUVolumeName, typeSolarisPax:
			return &HeaderError{at, "typeflag", fmt.Sprintf("unsupported type %q", e.Typeflag)}
		}
		if w.hasName {
			e.Name = w.name
		}
		if w.hasLink {
			e.Linkname = w.linkname
		}
		if w.hasPaxSize {
			e.Size = w.paxSize
		}
		if e.Typeflag == typeRegularOld {
			e.Typeflag = typeRegular
			if len(e.Name) > 0 && e.Name[len(e.Name)-1] == '/' {
				e.Typeflag = TypeDir
			}
		}
		switch e.Typeflag {
		case TypeLink, TypeSymlink, TypeCharDevice, TypeBlockDevice, TypeDir, TypeFifo:
			e.Size = 0
		}
		e.Header, e.Offset = start, data
		if e.Size > MaxFileSize-data || !w.src.Has(data+padded(e.Size)) {
			return ErrTruncated
		}
		w.Pos = data + padded(e.Size)
		return nil
	}
}

// MaxFileSize keeps offset arithmetic from overflowing. Linux has no larger files.
const MaxFileSize = 1<<63 - 1 - BlockSize

func padded(size int64) int64 { return (size + BlockSize - 1) &^ (BlockSize - 1) }

// The offsets and lengths of the fields of a ustar header.
const (
	fieldName      = 0
	fieldMode      = 100
	fieldUID       = 108
	fieldGID       = 116
	fieldSize      = 124
	fieldMtime     = 136
	fieldChecksum  = 148
	fieldTypeflag  = 156
	fieldLinkname  = 157
	FieldMagic     = 257
	fieldDevmajor  = 329
	fieldDevminor  = 337
	fieldPrefix    = 345
	fieldPrefixEnd = 500
)

func (w *Walk) parse(e *Entry, at int64) error {
	b := w.block[:]
	stated, ok := number(b[fieldChecksum : fieldChecksum+8])
	if !ok || b[fieldChecksum] >= 0x80 || stated != checksum(b, false) && stated != checksum(b, true) {
		return &HeaderError{at, "checksum", fmt.Sprintf("want %d, got %q", checksum(b, false), b[fieldChecksum:fieldChecksum+8])}
	}
	for _, f := range [...]struct {
		name        string
		from, width int
	}{
		{"mode", fieldMode, 8}, {"uid", fieldUID, 8}, {"gid", fieldGID, 8}, {"mtime", fieldMtime, 12},
	} {
		if field := b[f.from : f.from+f.width]; isOctal(field) {
			continue
		} else if _, ok := number(field); !ok {
			return &HeaderError{at, f.name, fmt.Sprintf("%q is no number", b[f.from:f.from+f.width])}
		}
	}
	e.Typeflag = b[fieldTypeflag]
	e.Name = cString(b[fieldName:fieldMode])
	e.Linkname = cString(b[fieldLinkname:FieldMagic])
	size, ok := number(b[fieldSize : fieldSize+12])
	if !ok || size < 0 {
		return &HeaderError{at, "size", fmt.Sprintf("%q is no size", b[fieldSize:fieldSize+12])}
	}
	e.Size = size

	gnu := string(b[FieldMagic:FieldMagic+8]) == "ustar  \x00"
	posix := string(b[FieldMagic:FieldMagic+8]) == "ustar\x0000"
	if gnu || posix {
		for _, f := range [...]struct {
			name string
			from int
		}{{"devmajor", fieldDevmajor}, {"devminor", fieldDevminor}} {
			if field := b[f.from : f.from+8]; isOctal(field) {
				continue
			} else if _, ok := number(field); !ok {
				return &HeaderError{at, f.name, fmt.Sprintf("%q is no number", b[f.from:f.from+8])}
			}
		}
	}
	prefix := cString(b[fieldPrefix:fieldPrefixEnd])
	switch {
	case posix:
		if string(b[508:]) == "tar\x00" {
			return &HeaderError{at, "magic", "star format"}
		}
		if len(prefix) > 0 && e.Typeflag != typeGNULongName && e.Typeflag != typeGNULongLink {
			w.joinName(prefix, e.Name)
			e.Name = w.extension
		}
	case len(prefix) > 0:
		return &HeaderError{at, "prefix", "a prefix in a header that is not ustar"}
	}
	return nil
}

// joinName puts prefix/name into the buffer extension. Its content is no longer
// needed when next reads the header of the entry itself.
func (w *Walk) joinName(prefix, name []byte) {
	w.extension = append(append(append(w.extension[:0], prefix...), '/'), name...)
}

// extend reads the payload of an extension header, which applies to the next entry.
func (w *Walk) extend(typeflag byte, offset, size int64) error {
	if size > maxExtension {
		return &HeaderError{offset - BlockSize, "size", fmt.Sprintf("extension of %d bytes, limit %d", size, maxExtension)}
	}
	if int64(cap(w.extension)) < size {
		w.extension = make([]byte, size)
	}
	w.extension = w.extension[:size]
	if err := w.src.ReadAt(w.extension, offset); err != nil {
		return err
	}
	switch typeflag {
	case typeGNULongName:
		if w.hasName {
			return &HeaderError{offset - BlockSize, "name", "given twice"}
		}
		w.name, w.hasName = append(w.name[:0], cString(w.extension)...), true
	case typeGNULongLink:
		if w.hasLink {
			return &HeaderError{offset - BlockSize, "linkname", "given twice"}
		}
		w.linkname, w.hasLink = append(w.linkname[:0], cString(w.extension)...), true
	default:
		return w.extendPax(typeflag, offset)
	}
	return nil
}

// extendPax reads records of the form "LENGTH KEY=VALUE\n".
func (w *Walk) extendPax(typeflag byte, offset int64) error {
	fail := func(why string) error { return &HeaderError{offset - BlockSize, "pax record", why} }
	for rest := w.extension; len(rest) > 0; {
		digits, _, ok := bytes.Cut(rest, []byte{' '})
		n, err := strconv.ParseUint(string(digits), 10, 31)
		if !ok || err != nil || digits[0] == '0' || int(n) <= len(digits)+1 || int(n) > len(rest) || rest[n-1] != '\n' {
			return fail("bad length")
		}
		key, value, ok := bytes.Cut(rest[len(digits)+1:n-1], []byte{'='})
		if !ok || len(key) == 0 {
			return fail("no key")
		}
		rest = rest[n:]
		if bytes.HasPrefix(key, []byte("GNU.sparse.")) {
			return fail("sparse file")
		}
		switch string(key) {
		case "path", "linkpath", "size":
		case "atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "charset", "comment", "hdrcharset":
			// These records do not affect the entry. But archive/tar refuses some
			// values of them, so readers disagree about the header.
			if len(value) == 0 || !paxPlain(string(key), value) {
				return fail(fmt.Sprintf("%s: bad value %q", key, value))
			}
			continue
		default:
			if bytes.IndexByte(key, 0) >= 0 {
				return fail("NUL in a key")
			}
			continue
		}
		if typeflag == typePaxGlobal {
			return fail(fmt.Sprintf("global %s", key))
		}
		if len(value) == 0 || bytes.IndexByte(value, 0) >= 0 {
			return fail(fmt.Sprintf("%s: bad value %q", key, value))
		}
		switch string(key) {
		case "path":
			if w.hasName {
				return fail("name given twice")
			}
			w.name, w.hasName = append(w.name[:0], value...), true
		case "linkpath":
			if w.hasLink {
				return fail("linkname given twice")
			}
			w.linkname, w.hasLink = append(w.linkname[:0], value...), true
		case "size":
			size, err := strconv.ParseUint(string(value), 10, 63)
			if w.hasPaxSize || err != nil || value[0] == '+' {
				return fail(fmt.Sprintf("size %q", value))
			}
			w.paxSize, w.hasPaxSize = int64(size), true
		}
	}
	return nil
}

// paxPlain reports whether the value of a numeric record is a plain decimal number.
// Other records may hold any text without NUL.
func paxPlain(key string, value []byte) bool {
	switch key {
	case "uid", "gid":
		_, err := strconv.ParseInt(string(value), 10, 63)
		return err == nil && value[0] != '+'
	case "atime", "ctime", "mtime":
		dots := 0
		for i, c := range value {
			if c == '.' && i > 0 && i < len(value)-1 {
				dots++
			} else if c < '0' || c > '9' {
				return false
			}
		}
		return dots <= 1 && len(value) <= 30
	}
	return bytes.IndexByte(value, 0) < 0
}

// isOctal reports whether a field of 8 or 12 bytes consists of octal digits and a
// final NUL, the usual form.
func isOctal(field []byte) bool {
	const (
		upper  = 0xf8f8f8f8f8f8f8f8 // the bits that all octal digits share with '0'
		digits = 0x3030303030303030
	)
	if len(field) == 12 {
		if binary.LittleEndian.Uint64(field)&upper != digits {
			return false
		}
		tail := uint64(binary.LittleEndian.Uint32(field[8:]))
		return tail>>24 == 0 && tail&(upper>>40) == digits>>40
	}
	word := binary.LittleEndian.Uint64(field)
	return word>>56 == 0 && word&(upper>>8) == digits>>8
}

// number reads a numeric field: octal digits padded with blanks or NULs on both
// sides, or a big-endian base-256 number after 0x80 or 0xff.
func number(field []byte) (n int64, ok bool) {
	if field[0] == 0x80 || field[0] == 0xff {
		if field[0] == 0xff {
			n = -1
		}
		for _, c := range field[1:] {
			if n > 1<<55-1 || n < -(1<<55) {
				return 0, false
			}
			n = n<<8 | int64(c)
		}
		return n, true
	}
	i := 0
	for i < len(field) && field[i] == ' ' {
		i++
	}
	if i < len(field) && field[i] == 0 {
		// Python ignores the bytes after a NUL. archive/tar ignores NULs before a
		// number.
		return 0, IsZero(bytes.TrimRight(field[i:], " "))
	}
	for ; i < len(field) && field[i] != ' ' && field[i] != 0; i++ {
		c := field[i]
		if c < '0' || c > '7' || n >= 1<<60 {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	for ; i < len(field) && field[i] != 0; i++ {
		if field[i] != ' ' {
			return 0, false
		}
	}
	return n, true
}

// checksum returns the sum of the header bytes, with the checksum field as blanks.
// POSIX sums unsigned bytes. Some old writers summed signed bytes, so each byte
// above 127 made the sum smaller by 256.
func checksum(b []byte, signed bool) int64 {
	const (
		evenBytes = 0x00ff00ff00ff00ff
		blanks    = 8 * ' '
	)
	// Two words hold four 16-bit sums each, for the even and the odd bytes of a
	// word. They cannot overflow: 128 bytes of at most 255 fit.
	var sums, odd uint64
	for i := 0; i < BlockSize; i += 16 {
		pair := b[i : i+16]
		one, two := binary.LittleEndian.Uint64(pair), binary.LittleEndian.Uint64(pair[8:])
		sums += one&evenBytes + one>>8&evenBytes
		odd += two&evenBytes + two>>8&evenBytes
	}
	sums += odd
	sum := int64(sums&0xffff + sums>>16&0xffff + sums>>32&0xffff + sums>>48)
	for _, c := range b[fieldChecksum : fieldChecksum+8] {
		sum -= int64(c)
	}
	sum += blanks
	if signed {
		for i, c := range b[:BlockSize] {
			if c >= 0x80 && (i < fieldChecksum || i >= fieldChecksum+8) {
				sum -= 256
			}
		}
	}
	return sum
}

func cString(b []byte) []byte {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		return b[:end]
	}
	return b
}

var zeroBlock [BlockSize]byte

func IsZero(b []byte) bool {
	for len(b) > BlockSize {
		if !bytes.Equal(b[:BlockSize], zeroBlock[:]) {
			return false
		}
		b = b[BlockSize:]
	}
	return bytes.Equal(b, zeroBlock[:len(b)])
}

// File is a tar in a file.
type File struct {
	R    io.ReaderAt
	Size int64 // bytes
}

func (s File) Has(end int64) bool { return end <= s.Size }

func (s File) ReadAt(p []byte, offset int64) error {
	if offset > s.Size-int64(len(p)) {
		return ErrTruncated
	}
	if n, err := s.R.ReadAt(p, offset); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			return ErrTruncated // the file became shorter during the read
		}
		return err
	}
	return nil
}

// Bytes is a tar in memory.
type Bytes []byte

func (s Bytes) Has(end int64) bool { return end <= int64(len(s)) }

func (s Bytes) ReadAt(p []byte, offset int64) error {
	if offset > int64(len(s)-len(p)) {
		return ErrTruncated
	}
	copy(p, s[offset:])
	return nil
}
