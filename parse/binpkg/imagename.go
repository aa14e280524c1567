package binpkg

import (
	"bytes"
	"strings"
)

// ImageKind is the type of an entry of an image.
type ImageKind uint8

// The types. Whatever is neither a folder nor a symbolic link is merged like a
// regular file.
const (
	ImageFile ImageKind = iota
	ImageFolder
	ImageSymlink
)

// ImageName is one entry of an image, without its content.
type ImageName struct {
	// Path is absolute below the root into which Portage merges.
	Path string
	Kind ImageKind
	// Target is what a symbolic link points to, as the link has it.
	Target string
}

// appendImageName adds the line of an entry: its path, with a slash after that of
// a folder, and with a NUL and the target after that of a symbolic link. ok is
// false where the line cannot be added.
func appendImageName(names, installed []byte, e *tarEntry) (all []byte, ok bool) {
	var target []byte
	if e.typeflag == typeSymlink {
		target = e.linkname
	}
	if bytes.IndexByte(installed, '\n') >= 0 || bytes.IndexByte(target, '\n') >= 0 || len(names)+len(installed)+len(target) >= maxImageNames {
		return names, false
	}
	names = append(append(names, '/'), installed...)
	switch e.typeflag {
	case typeDir:
		names = append(names, '/')
	case typeSymlink:
		names = append(append(names, 0), target...)
	}
	return append(names, '\n'), true
}

// ReadImageNames calls each with the entries of [Image.Names].
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
