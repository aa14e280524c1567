package binpkg

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"emaudit/parse/binpkg/codec"
	"emaudit/parse/binpkg/tarball"
)

const (
	// maxImageEntries bounds the entries of an image. Each takes about 20 bytes of
	// memory while the image is read. The largest packages have 200,000 files.
	maxImageEntries = 2_000_000

	// maxImageNames bounds the stored names, in bytes. Those of the kernel sources
	// take 5 MiB.
	maxImageNames = 32 << 20

	// maxImageRatio and minImageLimit bound the unpacked size of an image: a
	// thousand times its packed size, but at least 64 MiB. Real images reach a
	// ratio of 50, a stream of zeros one of 5,000 to 500,000. A larger image is
	// likely a bomb.
	maxImageRatio = 1000
	minImageLimit = 64 << 20

	// pipeCapacity is how much an unread pipe holds on Linux. Portage reads an
	// image to the end of its tar and then waits for the decompressor to exit. If
	// the decompressor has more to write than the pipe holds, both wait forever
	// (gpkg.py, tar_stream_reader.close).
	pipeCapacity = 64 << 10

	// maxStubNames bounds the stored names of config stubs.
	maxStubNames = 1000
)

// configStub is the content that quickpkg gives to each file below CONFIG_PROTECT,
// unless --include-config is set (gpkg.py:1349). Merging such a package can replace
// real configuration with stubs.
const configStub = "# empty file because --include-config=n when `quickpkg` was used\n"

// Image describes the content of an image that was read.
type Image struct {
	// Entries counts all entries and Files the regular files.
	Entries, Files int64
	// ConfigStubs are the paths in the image of files that quickpkg replaced by
	// stubs, at most 1000.
	ConfigStubs []string
	// Names holds the entries in the form that [ReadImageNames] reads. It is nil if
	// the image was not read to its end, if a name has a line feed, or if the names
	// exceed maxImageNames.
	Names []byte
	// Missing are the files and folders that the CONTENTS of a quickpkg package
	// lists and the image lacks. Altered are those that differ in the image; stubs
	// do not count. Both hold at most 1000 absolute paths.
	Missing, Altered []string
}

// walkImage reads the packed image from r, to the end of r unless there is a
// problem. size is the packed size.
//
// It applies the rules of Portage's extraction of a gpkg (gpkg.py:662). For an xpak
// it judges only names: GNU tar extracts it, creates device nodes, and lets a later
// entry replace an earlier one.
func (rd *Reader) walkImage(p *Package, r io.Reader, size int64) *Image {
	image := new(Image)
	limit := min(max(size, minImageLimit/maxImageRatio), tarball.MaxFileSize/maxImageRatio) * maxImageRatio
	in := bufio.NewReader(r)
	// A file that is too short for a magic number has no known compressor.
	head, _ := in.Peek(codec.MagicLength)
	packer := codec.Actual(p.Compressor, head)
	if packer != p.Compressor {
		p.diagnose(p.ImageOffset, ProblemOtherPacker, "image: packed by %s, and named as by %s", packer, p.Compressor)
	}
	stream, err := rd.codecs.Open(in, packer)
	var src *streamSource
	if err == nil {
		src = &streamSource{r: stream, limit: limit}
		err = rd.walkEntries(p, image, src)
	}
	if err == nil {
		// The decoder compares the checksum of the last block only at its end.
		end := rd.inner.End
		if err = src.drain(); err == nil && p.Format == FormatGpkg && p.Compressor != codec.None && src.pos-end > pipeCapacity {
			p.diagnose(p.ImageOffset, ProblemImageTrailing, "image: %d bytes behind the end of its tar, which nobody reads while Portage waits for %s to end", src.pos-end, p.Compressor)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, codec.ErrTooLarge):
		p.diagnose(p.ImageOffset, ProblemImageTooLarge, "image: %v", err)
	case errors.Is(err, codec.ErrUnsupported):
		p.diagnose(p.ImageOffset, ProblemCompressor, "image: %v", err)
	default:
		p.diagnose(p.ImageOffset, ProblemImageDamaged, "image: %v", err)
	}
	return image
}

func (rd *Reader) walkEntries(p *Package, image *Image, src *streamSource) error {
	w := &rd.inner
	w.Reset(src)
	seed := maphash.MakeSeed()
	seen := make(map[uint64]struct{}, 256)
	names, whole := []byte{}, true
	below := false // there is an entry below image/, or image/ itself
	contents := readContents(rd.contents)
	stub := make([]byte, len(configStub))
	var e tarball.Entry
	for {
		err := w.Next(&e)
		if errors.Is(err, io.EOF) {
			if image.Entries == 0 && w.End == 0 {
				return tarball.ErrTruncated // Python: "empty file"
			}
			if p.Format == FormatGpkg && !below {
				return fmt.Errorf("nothing below image/, which Portage then looks for in vain")
			}
			if whole {
				image.Names = names
			}
			contents.judge(p, image)
			return nil
		}
		if err != nil {
			return err
		}
		if image.Entries == maxImageEntries {
			return fmt.Errorf("more than %d entries: %w", maxImageEntries, codec.ErrTooLarge)
		}
		image.Entries++
		name := bytes.TrimRight(e.Name, "/")
		if p.Format == FormatGpkg {
			name = bytes.TrimPrefix(name, []byte("./"))
		}
		rd.judgeEntry(p, image, &e, name, func(b []byte) bool {
			_, ok := seen[maphash.Bytes(seed, b)]
			return ok
		})
		seen[maphash.Bytes(seed, name)] = struct{}{}
		installed, ok := installedName(p.Format, name)
		below = below || ok || e.Typeflag == tarball.TypeDir && string(name) == "image"
		if ok && whole {
			names, whole = appendImageName(names, installed, &e)
		}
		listed := contents.take(installed)
		if !e.Regular() {
			contents.compare(listed, &e, "")
			continue
		}
		image.Files++
		isStub, sum, err := src.content(&e, stub, listed != nil)
		if err != nil {
			return err
		}
		if !isStub {
			contents.compare(listed, &e, sum)
			continue
		}
		if len(image.ConfigStubs) == 0 {
			p.diagnose(e.Header, ProblemConfigStub, "image: %q holds quickpkg's stub instead of the configuration", shorten(name))
		}
		if len(image.ConfigStubs) < maxStubNames {
			image.ConfigStubs = append(image.ConfigStubs, strings.Clone(string(name)))
		}
	}
}

// installedName returns the path below the root where an entry is installed. ok is
// false if it is not installed.
func installedName(format Format, name []byte) (installed []byte, ok bool) {
	if format == FormatGpkg {
		return bytes.CutPrefix(name, []byte("image/"))
	}
	name = bytes.TrimPrefix(name, []byte("./"))
	return name, len(name) > 0 && !bytes.Equal(name, []byte("."))
}

func (rd *Reader) judgeEntry(p *Package, image *Image, e *tarball.Entry, name []byte, seen func([]byte) bool) {
	if len(name) > 0 && name[0] == '/' || hasDotDot(name) {
		p.diagnose(e.Header, ProblemImagePath, "image: name %q leaves the image", shorten(e.Name))
	}
	if p.Format != FormatGpkg {
		return
	}
	if string(name) != "image" && !bytes.HasPrefix(name, []byte("image/")) {
		p.diagnose(e.Header, ProblemImageOutside, "image: %q is not below image/ and would not be installed", shorten(e.Name))
	}
	switch e.Typeflag {
	case tarball.TypeCharDevice, tarball.TypeBlockDevice, tarball.TypeFifo:
		// Portage packs these, but refuses to extract them (gpkg.py:662).
		p.diagnose(e.Header, ProblemImageDevice, "image: %q is a device or a FIFO, which Portage does not extract", shorten(e.Name))
	case tarball.TypeLink:
		target := bytes.TrimPrefix(bytes.TrimRight(e.Linkname, "/"), []byte("./"))
		if !seen(target) {
			p.diagnose(e.Header, ProblemImageHardlink, "image: %q is a hard link to %q, which is not before it", shorten(e.Name), shorten(e.Linkname))
		}
	}
	if seen(name) {
		p.diagnose(e.Header, ProblemImageDuplicate, "image: %q given twice", shorten(e.Name))
	}
}

// hasDotDot reports whether a name has a ".." component.
func hasDotDot(name []byte) bool {
	if !bytes.Contains(name, []byte("..")) {
		return false
	}
	for part := range bytes.SplitSeq(name, []byte{'/'}) {
		if string(part) == ".." {
			return true
		}
	}
	return false
}

// streamSource is a tar that can only be read forward.
type streamSource struct {
	r     io.Reader
	pos   int64
	limit int64
	err   error
	short bool // the stream ended within the data of an entry
}

// Has always returns true before the end of the stream. Reading the header after an
// entry then finds out.
func (s *streamSource) Has(end int64) bool {
	return s.err == nil || s.short || end <= s.pos
}

func (s *streamSource) ReadAt(p []byte, offset int64) error {
	if offset > s.limit {
		return fmt.Errorf("more than %d bytes unpacked: %w", s.limit, codec.ErrTooLarge)
	}
	if s.err == nil {
		s.skip(offset - s.pos)
	}
	if s.err == nil {
		var n int
		n, s.err = io.ReadFull(s.r, p)
		s.pos += int64(n)
	}
	switch {
	case s.err == nil:
		return nil
	case s.err == io.EOF, s.err == io.ErrUnexpectedEOF:
		return tarball.ErrTruncated
	}
	return s.err
}

func (s *streamSource) skip(n int64) { s.copyTo(io.Discard, n) }

// copyTo copies the next n bytes to w.
func (s *streamSource) copyTo(w io.Writer, n int64) {
	var passed int64
	passed, s.err = io.CopyN(w, s.r, n)
	s.pos += passed
	s.short = passed < n
}

// content reports whether a regular file is a stub of quickpkg; buf must have room
// for a stub. If sum is set, it also returns the MD5 of a file that is not a stub,
// in hexadecimal.
func (s *streamSource) content(e *tarball.Entry, buf []byte, sum bool) (isStub bool, md5sum string, err error) {
	couldBe := e.Size == int64(len(configStub))
	if !couldBe && !sum {
		return false, "", nil
	}
	head := buf[:min(e.Size, int64(len(configStub)))]
	if err := s.ReadAt(head, e.Offset); err != nil {
		return false, "", err
	}
	if couldBe && string(head) == configStub {
		return true, "", nil
	}
	if !sum {
		return false, "", nil
	}
	h := md5.New()
	h.Write(head)
	if rest := e.Size - int64(len(head)); s.pos+rest > s.limit {
		return false, "", fmt.Errorf("more than %d bytes unpacked: %w", s.limit, codec.ErrTooLarge)
	} else if s.err == nil {
		s.copyTo(h, rest)
	}
	switch {
	case s.short && s.err == io.EOF:
		return false, "", tarball.ErrTruncated
	case s.err != nil:
		return false, "", s.err
	}
	return false, hex.EncodeToString(h.Sum(nil)), nil
}

// drain reads the padding at the end.
func (s *streamSource) drain() error {
	if s.err == nil {
		var n int64
		n, s.err = io.Copy(io.Discard, io.LimitReader(s.r, s.limit-min(s.pos, s.limit)+1))
		s.pos += n
		if s.pos > s.limit {
			return fmt.Errorf("more than %d bytes unpacked: %w", s.limit, codec.ErrTooLarge)
		}
	}
	if s.err == io.EOF {
		return nil
	}
	return s.err
}
