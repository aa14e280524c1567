package hostgen

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/blake2b"
)

// binpkg is a binary package with its stanza in Packages.
type binpkg struct {
	path, md5 string
	built     int64
	stanza    string
}

// recordSize is the size to which Python's tarfile, and thus Portage, pads an
// archive, in bytes.
const recordSize = 10240

var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	unpacker, _ = zstd.NewReader(nil)
)

// repack writes the binary package of a copy.
func (o *output) repack(b binpkg, n number) (binpkg, error) {
	file := filepath.Join(o.root, pkgdir, b.path)
	packed, err := os.ReadFile(file)
	if err != nil {
		return b, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return b, err
	}
	name := path.Base(path.Dir(b.path))
	var out, manifest bytes.Buffer
	tw := tar.NewWriter(&out)
	err = rewrite(tw, packed, func(h *tar.Header, content []byte) (_ []byte, err error) {
		dir, member := path.Split(h.Name)
		h.Name = name + n.suffix + strings.TrimPrefix(dir, name) + member
		switch member {
		case "Manifest":
			return manifest.Bytes(), nil
		case "metadata.tar.zst":
			content, err = repackMember(content, func(h *tar.Header, text []byte) []byte {
				key, value := o.fact(path.Base(h.Name), string(text), name, n)
				h.Name = "metadata/" + key
				return []byte(value)
			}, "", 0)
		case "image.tar.zst":
			content, err = repackMember(content, func(h *tar.Header, text []byte) []byte {
				h.Name = inFolder(h.Name, n)
				if h.Typeflag == tar.TypeLink {
					h.Linkname = inFolder(h.Linkname, n)
				}
				return text
			}, fmt.Sprintf("image%s/filler-%d", n.folder, b.built), o.size)
		}
		fmt.Fprintf(&manifest, "DATA %s %d BLAKE2B %x SHA512 %x\n", member, len(content), blake2b.Sum512(content), sha512.Sum512(content))
		return content, err
	})
	if err := errors.Join(err, tw.Close()); err != nil {
		return b, fmt.Errorf("hostgen: %s: %w", file, err)
	}
	out.Write(make([]byte, (recordSize-out.Len()%recordSize)%recordSize))
	mtime := n.clock.at(info.ModTime().Unix())
	b.path = o.renamed(b.path, n)
	b.md5 = fmt.Sprintf("%x", md5.Sum(out.Bytes()))
	b.stanza = withValues(o.renamed(b.stanza, n), map[string]string{
		"MD5": b.md5, "SHA1": fmt.Sprintf("%x", sha1.Sum(out.Bytes())), "SIZE": strconv.Itoa(out.Len()),
		"MTIME": strconv.FormatInt(mtime, 10), "BUILD_TIME": strconv.FormatInt(n.clock.at(b.built), 10),
	})
	return b, write(filepath.Join(o.dir, pkgdir, b.path), out.String(), mtime*1e9)
}

func inFolder(name string, n number) string {
	if inside, ok := strings.CutPrefix(name, "image/"); ok && inside != "" {
		return "image" + n.folder + "/" + inside
	}
	return name
}

// repackMember changes the members of a .tar.zst. It adds a file with as many random
// bytes as size says.
func repackMember(packed []byte, change func(h *tar.Header, content []byte) []byte, filler string, size int) ([]byte, error) {
	plain, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	err = rewrite(tw, plain, func(h *tar.Header, content []byte) ([]byte, error) { return change(h, content), nil })
	if err == nil && size > 0 {
		content := make([]byte, size)
		rand.NewChaCha8([32]byte{}).Read(content)
		err = writeMember(tw, &tar.Header{Name: filler, Mode: 0o644}, content)
	}
	err = errors.Join(err, tw.Close())
	return packer.EncodeAll(out.Bytes(), nil), err
}

// rewrite copies the members of a tar and changes them.
func rewrite(tw *tar.Writer, archive []byte, change func(h *tar.Header, content []byte) ([]byte, error)) error {
	for tr := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(tr)
		if err == nil {
			content, err = change(h, content)
		}
		if err == nil {
			err = writeMember(tw, h, content)
		}
		if err != nil {
			return err
		}
	}
}

func writeMember(tw *tar.Writer, h *tar.Header, content []byte) error {
	h.Size, h.Format = int64(len(content)), tar.FormatUnknown
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := tw.Write(content)
	return err
}

// fact returns a file of the metadata of a copy, in a binary package or the VDB.
func (o *output) fact(key, text, name string, n number) (newKey, newText string) {
	switch {
	case key == "environment.bz2":
		return key, text
	case key == "PF":
		return key, name + n.suffix + strings.TrimPrefix(text, name)
	case strings.HasSuffix(key, ".ebuild"):
		return name + n.suffix + strings.TrimPrefix(key, name), text
	case key == "BUILD_TIME":
		return key, n.clock.text(text)
	case key == "NEEDED.ELF.2":
		return key, strings.ReplaceAll(text, ";/", ";"+n.folder+"/")
	case key == "NEEDED", key == "CONTENTS":
		lines := strings.SplitAfter(text, "\n")
		for i, l := range lines {
			lines[i] = strings.Replace(l, "/", n.folder+"/", 1)
		}
		return key, strings.Join(lines, "")
	}
	return key, o.renamed(text, n)
}

// install writes an installed package of a copy to the VDB, and its ebuild to the
// repository. The digests are those of the binary packages of the copy.
func (o *output) install(folder string, n number, digests map[string]string, counters int) error {
	files, err := os.ReadDir(filepath.Join(o.root, vdb, folder))
	if err != nil {
		return err
	}
	dir, err := os.Stat(filepath.Join(o.root, vdb, folder))
	if err != nil {
		return err
	}
	mtime := func(info os.FileInfo) int64 {
		return n.clock.at(info.ModTime().Unix())*1e9 + int64(info.ModTime().Nanosecond())
	}
	cp, cpv := o.pieces(folder)[0], o.renamed(folder, n)
	into := filepath.Join(o.dir, vdb, cpv)
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(o.root, vdb, folder, f.Name()))
		if err != nil {
			return err
		}
		key, value := o.fact(f.Name(), string(text), path.Base(cp), n)
		switch {
		case key == "COUNTER":
			value = added(value, counters)
		case key == "BINPKGMD5":
			if sum, ok := digests[strings.TrimSpace(value)]; ok {
				value = sum + "\n"
			}
		case key == "metadata":
			lines := strings.Split(value, "\n")
			for i, l := range lines {
				name, of, _ := strings.Cut(l, "=")
				switch name {
				case "BUILD_TIME":
					lines[i] = name + "=" + n.clock.text(of)
				case "COUNTER":
					lines[i] = name + "=" + added(of, counters)
				case "#dir_mtime":
					lines[i] = fmt.Sprintf("%s=%d", name, mtime(dir))
				}
			}
			value = strings.Join(lines, "\n")
		case strings.HasSuffix(key, ".ebuild") && n.suffix != "":
			if err := write(filepath.Join(o.dir, "var/db/repos/lab", cp+n.suffix, key), value, mtime(info)); err != nil {
				return err
			}
		}
		if err := write(filepath.Join(into, key), value, mtime(info)); err != nil {
			return err
		}
	}
	when := time.Unix(0, mtime(dir))
	return os.Chtimes(into, when, when)
}

// added adds to a number in a text, which is returned with its line end.
func added(text string, n int) string {
	digits := strings.TrimRight(text, "\n")
	was, _ := strconv.Atoi(digits) // Portage wrote it
	return strconv.Itoa(was+n) + text[len(digits):]
}
