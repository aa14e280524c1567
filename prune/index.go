package prune

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"emaudit/parse/pkgindex"
)

// maxIndexFile is the size of the largest index file that prune reads and writes,
// in bytes.
const maxIndexFile = pkgindex.MaxSize

// indexFile is one file of the index as it is.
type indexFile struct {
	name string
	text []byte
	attributes
}

// readIndex returns the files of the index, Packages first, or nil if there is no
// index. Packages.gz without Packages is no index.
func (p *PkgDir) readIndex() ([]indexFile, error) {
	var files []indexFile
	for _, name := range indexNames {
		text, e, err := p.dir.read(name, maxIndexFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return files, nil
		case errors.Is(err, unix.ELOOP):
			err = errors.New("is a symlink; only a regular file is written")
		case err == nil && e.Nlink > 1 && p.shared:
			// The other name may be a trick to read, in a file with Portage's
			// mode, what only root may read.
			err = fmt.Errorf("has %d names (hard links), in a folder that others can write: %w", e.Nlink, ErrUntrusted)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, indexFile{name, text, attributesOf(e)})
	}
	return files, nil
}

// indexText is the text of both files of an index.
type indexText struct{ plain, gzip []byte }

func (t indexText) of(name string) []byte {
	if name == indexNames[0] {
		return t.plain
	}
	return t.gzip
}

// withoutEntries returns the index, as Portage would write it now, without the
// entries in drop, and the number of entries that it removed.
func withoutEntries(index *pkgindex.Index, drop func(*pkgindex.Entry) bool, now int64) (indexText, int, error) {
	kept := *index
	kept.Entries = nil
	removed := 0
	for i := range index.Entries {
		e := &index.Entries[i]
		switch {
		// Portage does not read these, so it would not write them.
		case e.Hidden == pkgindex.AfterEnd || e.Hidden == pkgindex.WithoutCPV:
		case drop(e):
			removed++
		default:
			kept.Entries = append(kept.Entries, *e)
		}
	}
	text, err := formatIndex(&kept, now)
	return text, removed, err
}

// withEntries returns an index with the entries of an earlier one that have the
// given paths, unless it has them already.
func withEntries(index, earlier *pkgindex.Index, paths map[string]bool, now int64) (indexText, error) {
	all := *index
	all.Entries = slices.Clone(index.Entries)
	have := map[string]bool{}
	for i := range index.Entries {
		have[index.Entries[i].Path] = true
	}
	for i := range earlier.Entries {
		e := earlier.Entries[i]
		if e.Hidden == pkgindex.AfterEnd || e.Hidden == pkgindex.WithoutCPV || !paths[e.Path] || have[e.Path] {
			continue
		}
		// The entry inherited values from the earlier header. Today's header may
		// have others.
		e.Fields = slices.Clone(e.Fields)
		for _, key := range []string{"CHOST", "REPO"} {
			if v := e.Value(key); v != "" {
				e.Fields.Set(key, v)
			}
		}
		all.Entries = append(all.Entries, e)
	}
	return formatIndex(&all, now)
}

// formatIndex writes both files of an index.
func formatIndex(index *pkgindex.Index, now int64) (indexText, error) {
	out := pkgindex.Index{Header: slices.Clone(index.Header)}
	for _, e := range index.Entries {
		e.Fields = slices.DeleteFunc(slices.Clone(e.Fields), func(f pkgindex.Field) bool { return !pkgindex.KnownToPortage(f.Key) })
		out.Entries = append(out.Entries, e)
	}
	out.Header.Set("TIMESTAMP", strconv.FormatInt(now, 10))
	out.Header.Set("PACKAGES", strconv.Itoa(len(out.Entries)))
	var plain, gzip bytes.Buffer
	if err := pkgindex.Write(&plain, &out); err != nil {
		return indexText{}, err
	}
	if err := pkgindex.WriteGzip(&gzip, &out); err != nil {
		return indexText{}, err
	}
	return indexText{plain.Bytes(), gzip.Bytes()}, nil
}

// parseIndex reads an index that will be written anew. It refuses an index that
// Portage ignores: a repair would show Portage files that it does not see today.
func parseIndex(text []byte) (*pkgindex.Index, error) {
	index, _ := pkgindex.Parse(text)
	if index.Refused != "" {
		return nil, fmt.Errorf("portage uses nothing of it: %s", index.Refused)
	}
	return index, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
