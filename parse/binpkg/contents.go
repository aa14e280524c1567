package binpkg

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"emaudit/parse/binpkg/tarball"
	"emaudit/parse/vdb"
)

// maxDriftNames bounds the missing names, and the altered names, kept of one image.
const maxDriftNames = 1000

// contents compares an image with the CONTENTS in the metadata of its package. Only
// a package from quickpkg has CONTENTS: it is a copy from the installed package and
// also lists files that quickpkg did not find on disk. quickpkg warns of such a
// file, packs the others and succeeds (gpkg.py:1420, Portage bug 870229).
type contents struct {
	unseen   map[string]vdb.ContentsEntry // entries not found in the image so far
	entries  int
	altered  []string
	nAltered int
}

// readContents returns nil if there is no CONTENTS.
func readContents(text []byte) *contents {
	if text == nil {
		return nil
	}
	c := &contents{unseen: map[string]vdb.ContentsEntry{}}
	// A line that cannot be parsed names no file, so none can be missing.
	_, _ = vdb.ReadContents(bytes.NewReader(text), func(e vdb.ContentsEntry) error {
		c.unseen[e.Path] = e
		return nil
	})
	c.entries = len(c.unseen)
	return c
}

// take returns the CONTENTS entry for an installed path and marks it as found. It
// returns nil if there is none.
func (c *contents) take(installed []byte) *vdb.ContentsEntry {
	if c == nil {
		return nil
	}
	e, ok := c.unseen["/"+string(installed)]
	if !ok {
		return nil
	}
	delete(c.unseen, e.Path)
	return &e
}

// compare records an entry that differs from CONTENTS. sum is the MD5 of a regular
// file. A hard link has the content of another file.
func (c *contents) compare(listed *vdb.ContentsEntry, e *tarball.Entry, sum string) {
	if listed == nil {
		return
	}
	same := false
	switch listed.Kind {
	case vdb.Directory:
		same = e.Typeflag == tarball.TypeDir
	case vdb.Symlink:
		same = e.Typeflag == tarball.TypeSymlink && string(e.Linkname) == listed.Target
	case vdb.Regular:
		same = e.Typeflag == tarball.TypeLink || e.Regular() && strings.EqualFold(sum, listed.MD5)
	default:
		same = e.Typeflag == tarball.TypeFifo || e.Typeflag == tarball.TypeCharDevice || e.Typeflag == tarball.TypeBlockDevice
	}
	if same {
		return
	}
	if c.nAltered++; len(c.altered) < maxDriftNames {
		c.altered = append(c.altered, listed.Path)
	}
}

// judge reports the differences after the whole image was read.
func (c *contents) judge(p *Package, image *Image) {
	if c == nil {
		return
	}
	say := func(code, what string, n int, names []string) {
		const most = 10
		more := ""
		if n > most {
			more = fmt.Sprintf(" and %d more", n-most)
		}
		var shown []string
		for _, name := range names[:min(n, most)] {
			shown = append(shown, string(shorten([]byte(name))))
		}
		p.diagnose(p.ImageOffset, code, "image: %d of the %d entries of CONTENTS %s: %s%s", n, c.entries, what, strings.Join(shown, ", "), more)
	}
	if n := len(c.unseen); n > 0 {
		missing := slices.Sorted(maps.Keys(c.unseen))
		image.Missing = missing[:min(n, maxDriftNames)]
		say(ProblemImageLossy, "are not in it", n, image.Missing)
	}
	if image.Altered = c.altered; c.nAltered > 0 {
		say(ProblemImageAltered, "are otherwise in it", c.nAltered, c.altered)
	}
}
