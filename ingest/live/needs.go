package live

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/needs"
)

// The limits of folders with files of needs.
const (
	maxNeedsDepth = 8
	maxNeedsFiles = 10_000
)

// NeedsFiles yields the lists below folders of the running system, one after the
// other: only one is in memory. They are files that another program fills in, so
// each is read by the rules of package hostfs. A name that begins with a dot is
// skipped: rsync is still writing that file. Every other file must be a list. If it is
// not one, it is yielded with an error.
func NeedsFiles(dirs []string) func(yield func(needs.File) bool) {
	return func(yield func(needs.File) bool) {
		for _, dir := range dirs {
			r := needsReader{yield: yield, dir: dir}
			root, err := hostfs.Open(dir)
			if err == nil {
				r.root = root
				err = r.below("/", 0)
				root.Close()
			}
			if err != nil {
				r.emit(needs.File{Path: dir, Err: err})
			}
			if r.stopped {
				return
			}
		}
	}
}

type needsReader struct {
	yield   func(needs.File) bool
	dir     string
	root    *hostfs.Root
	files   int
	stopped bool
}

func (r *needsReader) emit(f needs.File) {
	if !r.stopped {
		r.stopped = !r.yield(f)
	}
}

func (r *needsReader) below(folder string, depth int) error {
	entries, err := r.root.Entries(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if r.stopped || strings.HasPrefix(e.Name, ".") {
			continue
		}
		inside := path.Join(folder, e.Name)
		f := needs.File{Path: filepath.Join(r.dir, inside)}
		r.files++
		switch {
		case e.Kind == hostfs.Directory && depth < maxNeedsDepth:
			f.Err = r.below(inside, depth+1)
			if f.Err == nil {
				continue
			}
		case e.Kind == hostfs.Directory:
			f.Err = fmt.Errorf("more than %d folders deep", maxNeedsDepth)
		case r.files > maxNeedsFiles:
			return fmt.Errorf("more than %d files", maxNeedsFiles)
		default:
			var text []byte
			if text, f.Err = r.root.ReadFile(inside, needs.MaxBytes); f.Err == nil {
				f.List, f.Damage = needs.Parse(text)
			}
		}
		r.emit(f)
	}
	return nil
}
