package binpkg

import (
	"bytes"
	"strings"

	"emaudit/parse/binpkg/tarball"
)

// ImageKind is the type of an entry of an image.
type ImageKind uint8

// The entry types. Portage merges everything other than folders and symbolic links
// like regular files.
const (
	ImageFile ImageKind = iota
	ImageFolder
	ImageSymlink
)

// ImageName is the name of one entry of an image.
type ImageName struct {
	// Path is absolute, below the root that Portage merges into.
	Path string
	Kind ImageKind
	// Target is the target of a symbolic link, unchanged.
	Target string
}

// appendImageName appends the line of an entry: its path, then "/" for a folder, or
// NUL and the target for a symbolic link. ok is false if the entry does not fit
// into a line.
func appendImageName(names, installed []byte, e *tarball.Entry) (all []byte, ok bool) {
	var target []byte
	if e.Typeflag == tarball.TypeSymlink {
		target = e.Linkname
	}
	if bytes.IndexByte(installed, '\n') >= 0 || bytes.IndexByte(target, '\n') >= 0 || len(names)+len(installed)+len(target) >= maxImageNames {
		return names, false
	}
	names = append(append(names, '/'), installed...)
	switch e.Typeflag {
	case tarball.TypeDir:
		names = append(names, '/')
	case tarball.TypeSymlink:
		names = append(append(names, 0), target...)
	}
	return append(names, '\n'), true
}

// ReadImageNames calls each for every entry of [Image.Names].
func ReadImageNames(names []byte, each func(ImageName)) {
	for line := range strings.Lines(string(names)) {
		n := ImageName{Path: strings.TrimSuffix(line, "\n")}
		if path, target, ok := strings.Cut(n.Path, "\x00"); ok {
			n = ImageName{path, ImageSymlink, target}
		} else if path, ok := strings.CutSuffix(n.Path, "/"); ok {
			n = ImageName{Path: path, Kind: ImageFolder}
		}
		each(n)
	}
}
