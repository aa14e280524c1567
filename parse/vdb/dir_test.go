package vdb_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"emaudit/internal/hostarchive"
)

// osDir is a directory on disk. It counts the files that are read.
type osDir struct {
	path  string
	mtime int64
	reads int
}

func openDir(tb testing.TB, elem ...string) *osDir {
	tb.Helper()
	path := filepath.Join(elem...)
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return &osDir{path: path, mtime: info.ModTime().UnixNano()}
}

func (d *osDir) ModTimeNS() int64 { return d.mtime }

func (d *osDir) Names() ([]string, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (d *osDir) ReadFile(name string, limit int64) ([]byte, error) {
	d.reads++
	path := filepath.Join(d.path, name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s, %d bytes", info.Mode(), info.Size())
	}
	return os.ReadFile(path)
}

// memDir is a directory in memory: what no file system would hold.
type memDir struct {
	files  map[string]string
	broken map[string]error
	mtime  int64
}

func (d memDir) ModTimeNS() int64 { return d.mtime }

func (d memDir) Names() ([]string, error) {
	return slices.AppendSeq(slices.Collect(maps.Keys(d.files)), maps.Keys(d.broken)), nil
}

func (d memDir) ReadFile(name string, limit int64) ([]byte, error) {
	if err := d.broken[name]; err != nil {
		return nil, err
	}
	content, ok := d.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}

// copyPackage copies the directory of a package of alpha, lets change change
// the copy, and gives it back the time that it had.
func copyPackage(tb testing.TB, cpv string, change func(dir string)) *osDir {
	tb.Helper()
	from := filepath.Join(hostarchive.Alpha(tb), "var/db/pkg", cpv)
	dir := tb.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		tb.Fatal(err)
	}
	if change != nil {
		change(dir)
	}
	info, err := os.Stat(from)
	if err != nil {
		tb.Fatal(err)
	}
	setTime(tb, dir, info.ModTime())
	return openDir(tb, dir)
}

func setTime(tb testing.TB, path string, t time.Time) {
	tb.Helper()
	if err := os.Chtimes(path, t, t); err != nil {
		tb.Fatal(err)
	}
}

func remove(tb testing.TB, dir string, names ...string) {
	tb.Helper()
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			tb.Fatal(err)
		}
	}
}
