package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse/userconf"
	"emaudit/store"
	"emaudit/store/config"
)

// maxUpdates is the largest accepted size of a file in profiles/updates, in bytes.
// Gentoo's largest has some ten thousand.
const maxUpdates = 4 << 20

// PackageMoves returns the sources of package moves, one for each repository.
func PackageMoves(r *ingest.Reader) []ingest.Source {
	var all []ingest.Source
	for _, repo := range r.Settings.Repositories() {
		if repo.Location != "" {
			folder := path.Join(repo.Location, "profiles/updates")
			all = append(all, ingest.Source{Kind: store.SourceUpdates, Path: folder, Read: func(ctx context.Context) ([]ingest.SourceResult, error) {
				return reader{r}.updatesOf(ctx, folder)
			}})
		}
	}
	return all
}

// updatesOf reads the package moves of one repository. It skips a folder whose
// files are unchanged. A repository without such a folder has no moves.
func (r reader) updatesOf(ctx context.Context, folder string) ([]ingest.SourceResult, error) {
	dir, err := r.Root.OpenDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return r.RecordAbsent(ctx, store.SourceUpdates, folder, err)
	}
	defer dir.Close()
	entries, err := dir.Entries()
	if err != nil {
		return r.RecordAbsent(ctx, store.SourceUpdates, folder, err)
	}
	var files []hostfs.Entry
	print := sha256.New()
	for _, e := range entries {
		if e.Kind == hostfs.Regular && !strings.HasPrefix(e.Name, ".") {
			files = append(files, e)
		}
	}
	slices.SortFunc(files, func(a, b hostfs.Entry) int { return userconf.CompareUpdateNames(a.Name, b.Name) })
	for _, f := range files {
		fmt.Fprintln(print, f.Name, f.Inode, f.Size, f.MTimeNS)
	}
	result := ingest.SourceResult{Kind: store.SourceUpdates, Path: folder, Condition: store.ConditionRead}
	known := false
	err = r.DB.View(ctx, func(tx *store.Tx) error {
		s, ok, err := tx.FindSource(r.ID, store.SourceUpdates, folder)
		known = ok && bytes.Equal(s.Fingerprint, print.Sum(nil))
		return err
	})
	if err != nil || known {
		return []ingest.SourceResult{result}, err
	}
	var moves []userconf.Move
	for _, f := range files {
		data, err := dir.ReadFile(f.Name, maxUpdates)
		if err != nil {
			// Without this file, the moves in the others would be wrong.
			return r.RecordAbsent(ctx, store.SourceUpdates, folder, err)
		}
		result.Read++
		moves = append(moves, userconf.ParseMoves(data)...)
	}
	result.Changed = true
	result.Summary = fmt.Sprintf("%d renamed packages", len(moves))
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		source := store.Source{
			Host: r.ID, Kind: store.SourceUpdates, Path: folder, Condition: result.Condition, Problem: result.Problem,
			Size: int64(len(files)), Fingerprint: print.Sum(nil), ReadAt: r.Now,
		}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
		return config.PutMoves(tx, r.ID, source.ID, moves)
	})
	if err != nil {
		return nil, fmt.Errorf("updates %s: %w", folder, err)
	}
	return []ingest.SourceResult{result}, nil
}
