package ingest

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"emaudit/hostfs"
)

// filesInHand is how many files of one folder a worker takes at a time: enough
// that opening the folder costs nothing beside them, and few enough that the
// thousands in an All/ are shared out.
const filesInHand = 16

// errFolderGone is the error of a file whose folder cannot be opened.
var errFolderGone = errors.New("its folder could not be opened")

// forEach hands every file to a worker, with the folder that it lies in, which is
// nil where it cannot be opened. Each of the workers, at most jobs, is made by
// worker. At any time no more folders are open than there are workers: a PKGDIR
// has thousands, and processes may open fewer.
func forEach(ctx context.Context, dir *hostfs.Dir, files []*pkgFile, jobs, inHand int, worker func() func(f *pkgFile, folder *hostfs.Dir) error) error {
	if len(files) == 0 {
		return nil
	}
	work := make(chan []*pkgFile)
	group, ctx := errgroup.WithContext(ctx)
	for range min(jobs, len(files)) {
		group.Go(func() error {
			do := worker()
			for batch := range work {
				folder, err := openFolder(dir, batch[0].dir)
				if err != nil {
					folder = nil
				}
				for _, f := range batch {
					if err = ctx.Err(); err == nil {
						err = do(f, folder)
					}
					if err != nil {
						break
					}
				}
				if folder != nil && folder != dir {
					folder.Close()
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(work)
		for len(files) > 0 {
			n := 1
			for n < len(files) && n < inHand && files[n].dir == files[0].dir {
				n++
			}
			select {
			case work <- files[:n]:
			case <-ctx.Done():
				return ctx.Err()
			}
			files = files[n:]
		}
		return nil
	})
	return group.Wait()
}

// openFolder opens the folder rel below dir, component by component, so that no
// symlink is followed. It is dir itself for "".
func openFolder(dir *hostfs.Dir, rel string) (*hostfs.Dir, error) {
	if rel == "" {
		return dir, nil
	}
	parent, name := path.Split(rel)
	up, err := openFolder(dir, strings.TrimSuffix(parent, "/"))
	if err != nil {
		return nil, err
	}
	sub, err := up.OpenDir(name)
	if up != dir {
		up.Close()
	}
	return sub, err
}

// folderOf is the folder of a file as [pkgFile] has it.
func folderOf(rel string) string {
	if d := path.Dir(rel); d != "." {
		return d
	}
	return ""
}

// vanished tells whether a file went away since it was listed.
func vanished(err error) bool { return errors.Is(err, fs.ErrNotExist) }
