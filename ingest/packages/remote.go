package packages

import (
	"context"
	"errors"
	"io/fs"

	"emaudit/ingest"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/inventory"
)

// remoteIndex records the index of a binhost as Portage downloaded it. Nothing is
// asked of the binhost itself.
func (r reader) remoteIndex(ctx context.Context, d settings.RemoteIndex) ([]ingest.SourceResult, error) {
	scan := &pkgScan{reader: r, path: d.Dir, kind: inventory.KindRemote}
	if err := r.DB.View(ctx, scan.load); err != nil {
		return nil, err
	}
	dir, err := r.Root.OpenDir(d.Dir)
	if errors.Is(err, fs.ErrNotExist) && scan.row.ID == 0 {
		return nil, nil // Portage never downloaded it
	}
	if err == nil {
		defer dir.Close()
		scan.readIndex(dir)
	} else {
		condition, problem := ingest.Condition(err)
		scan.index = &indexReading{path: d.Dir + "/Packages", err: err, changed: true, compressedCondition: inventory.IndexMissing}
		scan.index.result = ingest.SourceResult{Kind: store.SourceIndex, Path: scan.index.path, Condition: condition, Problem: problem}
	}
	if !scan.index.changed && scan.row.Kind == inventory.KindRemote {
		return []ingest.SourceResult{scan.index.result}, nil
	}
	scan.row.Path, scan.row.Kind, scan.row.ScannedAt = d.Dir, inventory.KindRemote, r.Now
	scan.index.describe(&scan.row)
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		if err := inventory.PutPkgDir(tx, r.ID, &scan.row); err != nil {
			return err
		}
		return scan.index.store(tx, scan)
	})
	return []ingest.SourceResult{scan.index.result}, err
}
