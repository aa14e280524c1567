package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/mergelist"
	"emaudit/store"
)

// maxUpdates is the largest accepted size of a file in profiles/updates, in bytes.
// Gentoo's largest has some ten thousand.
const maxUpdates = 4 << 20

// updateFile is one file of profiles/updates.
type updateFile struct {
	hostfs.Entry
	order string
}

// updatesOf reads the package moves of one repository. It skips a folder whose
// files are unchanged. A repository without such a folder has no moves.
func (r *reader) updatesOf(ctx context.Context, folder string) ([]SourceResult, error) {
	dir, err := r.Root.OpenDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return r.recordAbsent(ctx, store.SourceUpdates, folder, err)
	}
	defer dir.Close()
	entries, err := dir.Entries()
	if err != nil {
		return r.recordAbsent(ctx, store.SourceUpdates, folder, err)
	}
	var files []updateFile
	print := sha256.New()
	for _, e := range entries {
		if order, ok := mergelist.UpdateOrder(e.Name); ok && e.Kind == hostfs.Regular {
			files = append(files, updateFile{e, order})
		}
	}
	slices.SortFunc(files, func(a, b updateFile) int { return strings.Compare(a.order, b.order) })
	for _, f := range files {
		fmt.Fprintln(print, f.Name, f.Inode, f.Size, f.MTimeNS)
	}
	result := SourceResult{Kind: store.SourceUpdates, Path: folder, Condition: store.ConditionRead}
	known := false
	err = r.db.View(ctx, func(tx *store.Tx) error {
		s, ok, err := tx.FindSource(r.ID, store.SourceUpdates, folder)
		known = ok && bytes.Equal(s.Fingerprint, print.Sum(nil))
		return err
	})
	if err != nil || known {
		return []SourceResult{result}, err
	}
	var moves []store.PackageMove
	for _, f := range files {
		data, err := dir.ReadFile(f.Name, maxUpdates)
		if err != nil {
			// Without this file, the moves in the others would be wrong.
			return r.recordAbsent(ctx, store.SourceUpdates, folder, err)
		}
		result.Read++
		for _, m := range mergelist.ParseMoves(data) {
			moves = append(moves, store.PackageMove{Old: m.From, New: m.To})
		}
	}
	result.Changed = true
	result.Summary = fmt.Sprintf("%d renamed packages", len(moves))
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		source := store.Source{
			Host: r.ID, Kind: store.SourceUpdates, Path: folder, Condition: result.Condition, Problem: result.Problem,
			Size: int64(len(files)), Fingerprint: print.Sum(nil), ReadAt: r.Now,
		}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
		return tx.ReplacePackageMoves(r.ID, source.ID, moves)
	})
	if err != nil {
		return nil, fmt.Errorf("updates %s: %w", folder, err)
	}
	return []SourceResult{result}, nil
}
