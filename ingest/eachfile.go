package ingest

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"
)

// filesInHand is how many small files a worker takes at a time: handing over one
// by one costs as much as a tenth of reading it.
const filesInHand = 16

// inHand cuts a list of files into what a worker takes at a time. The last are
// shared out, however few there are.
func inHand[F any](files []F, jobs int) [][]F {
	if len(files) == 0 {
		return nil
	}
	return slices.Collect(slices.Chunk(files, max(1, min(filesInHand, len(files)/jobs))))
}

// eachFile hands the files to workers, of which there are at most jobs, each made
// by worker.
func eachFile[F any](ctx context.Context, files [][]F, jobs int, worker func() func(F) error) error {
	if len(files) == 0 {
		return nil
	}
	work := make(chan []F)
	group, ctx := errgroup.WithContext(ctx)
	for range min(jobs, len(files)) {
		group.Go(func() error {
			do := worker()
			for batch := range work {
				for _, f := range batch {
					if err := ctx.Err(); err != nil {
						return err
					}
					if err := do(f); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(work)
		for _, batch := range files {
			select {
			case work <- batch:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// vanished tells whether a file went away since it was listed.
func vanished(err error) bool { return errors.Is(err, fs.ErrNotExist) }
