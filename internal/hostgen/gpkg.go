package hostgen

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/blake2b"
)

// recordSize is the size to which Python's tarfile, and thus Portage, pads an
// archive, in bytes.
const recordSize = 10240

// digest is the part of an index entry that depends on the whole file.
type digest struct {
	size      int64
	md5, sha1 string
}

// writeGpkg writes the binary package of an instance below pkgdir as GLEP 78
// requires: the members in order, and the Manifest last.
func writeGpkg(pkgdir string, in *instance, median int, enc *zstd.Encoder) (digest, error) {
	img := newImage(in, median)
	when := time.Unix(in.packaged, 0)
	metadata, err := compressedTar(enc, when, "metadata/", nil, in.buildInfo(img))
	if err != nil {
		return digest{}, err
	}
	files := make([]field, 0, len(img))
	for _, f := range img {
		files = append(files, field{f.path[1:], string(f.data)})
	}
	payload, err := compressedTar(enc, when, "image/", img.directories(), files)
	if err != nil {
		return digest{}, err
	}

	members := []field{
		{"gpkg-1", ""},
		{"metadata.tar.zst", string(metadata)},
		{"image.tar.zst", string(payload)},
	}
	members = append(members, field{"Manifest", manifest(members)})

	path := filepath.Join(pkgdir, in.path())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return digest{}, err
	}
	f, err := os.Create(path)
	if err != nil {
		return digest{}, err
	}
	defer f.Close()
	hmd5, hsha1 := md5.New(), sha1.New()
	counter := &countingWriter{w: io.MultiWriter(f, hmd5, hsha1)}
	tw := tar.NewWriter(counter)
	base := fmt.Sprintf("%s-%d/", in.pf, in.buildID)
	for _, m := range members {
		if err := writeMember(tw, base+m.key, m.value, when); err != nil {
			return digest{}, err
		}
	}
	if err := tw.Close(); err != nil {
		return digest{}, err
	}
	if rest := counter.n % recordSize; rest > 0 {
		if _, err := counter.Write(make([]byte, recordSize-rest)); err != nil {
			return digest{}, err
		}
	}
	if err := f.Close(); err != nil {
		return digest{}, err
	}
	sum := digest{counter.n, hex.EncodeToString(hmd5.Sum(nil)), hex.EncodeToString(hsha1.Sum(nil))}
	return sum, os.Chtimes(path, when, when)
}

func manifest(members []field) string {
	var b bytes.Buffer
	for _, m := range members {
		fmt.Fprintf(&b, "DATA %s %d BLAKE2B %x SHA512 %x\n", m.key, len(m.value),
			blake2b.Sum512([]byte(m.value)), sha512.Sum512([]byte(m.value)))
	}
	return b.String()
}

// compressedTar returns a .tar.zst of directories and files below prefix. It has an
// entry for prefix only if dirs is not empty.
func compressedTar(enc *zstd.Encoder, when time.Time, prefix string, dirs []string, files []field) ([]byte, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	if len(dirs) > 0 {
		for _, dir := range append([]string{"/"}, dirs...) {
			name := prefix + dir[1:]
			if dir != "/" {
				name += "/"
			}
			header := &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: when, Format: tar.FormatUSTAR}
			if err := tw.WriteHeader(header); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range files {
		if err := writeMember(tw, prefix+f.key, f.value, when); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return enc.EncodeAll(buf.Bytes(), nil), nil
}

func writeMember(tw *tar.Writer, name, content string, when time.Time) error {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644, ModTime: when, Format: tar.FormatUSTAR,
	}
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.WriteString(tw, content)
	return err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
