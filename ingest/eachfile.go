package ingest

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"
)

// filesPerBatch is the number of small files that a worker gets at a time. Handing
// over single files would take a tenth of the time of reading them.
const filesPerBatch = 16

// FileBatches splits a list of files into batches. A short list has small batches,
// so that each job gets some.
func FileBatches[F any](files []F, jobs int) [][]F {
	if len(files) == 0 {
		return nil
	}
	return slices.Collect(slices.Chunk(files, max(1, min(filesPerBatch, len(files)/jobs))))
}

// EachFile calls one function per worker for each file. At most jobs workers run;
// each gets its function from worker.
func EachFile[F any](ctx context.Context, files [][]F, jobs int, worker func() func(F) error) error {
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

// Vanished reports whether a file was removed after it was listed.
func Vanished(err error) bool { return errors.Is(err, fs.ErrNotExist) }
