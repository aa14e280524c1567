package hostgen

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// An image is the set of files of a package: regular files, sorted by path. The
// contents are random, so they do not compress.
type image []imageFile

type imageFile struct {
	path string // absolute, as in CONTENTS
	data []byte
}

// maxImage bounds the size of an image, in bytes, because images are generated in
// memory.
const maxImage = 16 << 20

// newImage returns the image of an instance. median is the median size of all
// images in bytes.
func newImage(in *instance, median int) image {
	rng := newRand(in.number, 2)
	size := min(max(int(logNormal(rng, float64(median), 1.6)), 256), maxImage)
	data := make([]byte, size)
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], in.number)
	rand.NewChaCha8(seed).Read(data)

	name := in.p.name + "-" + in.p.slot
	paths := []string{"/usr/bin/" + name}
	if in.soname != "" {
		paths[0] = "/usr/lib64/" + in.soname
	}
	paths = append(paths, "/usr/share/doc/"+in.pf+"/README.bz2")
	for i := range rng.IntN(10) {
		paths = append(paths, fmt.Sprintf("/usr/share/%s/data file %d.bin", name, i))
	}
	slices.Sort(paths)
	var img image
	for i, p := range paths {
		end := len(data) / (len(paths) - i)
		img = append(img, imageFile{p, data[:end]})
		data = data[end:]
	}
	return img
}

func (img image) size() int {
	total := 0
	for _, f := range img {
		total += len(f.data)
	}
	return total
}

// directories returns the parents of all files, parents first.
func (img image) directories() []string {
	var dirs []string
	for _, f := range img {
		for dir := path.Dir(f.path); dir != "/"; dir = path.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// contents returns the CONTENTS file of the image, installed at mtime.
func (img image) contents(mtime int64) string {
	var b strings.Builder
	for _, dir := range img.directories() {
		fmt.Fprintf(&b, "dir %s\n", dir)
	}
	for _, f := range img {
		sum := md5.Sum(f.data)
		fmt.Fprintf(&b, "obj %s %s %d\n", f.path, hex.EncodeToString(sum[:]), mtime)
	}
	return b.String()
}
