package packages

import (
	"context"
	"errors"
	"io/fs"

	"emaudit/ingest"
	"emaudit/parse/pkgindex"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/inventory"
)

// Binhosts returns the sources that say what binhosts offer. They are read after
// emerge.log: of an index that may have tens of thousands of entries, only those of
// packages are stored that are or were installed.
func Binhosts(r *ingest.Reader) []ingest.Source {
	var all []ingest.Source
	for _, d := range r.Settings.RemoteIndexes() {
		all = append(all, ingest.Source{Kind: store.SourceIndex, Path: d.Dir, Read: func(ctx context.Context) ([]ingest.SourceResult, error) {
			return reader{r}.remoteIndex(ctx, d)
		}})
	}
	return all
}

// remoteIndex records the index of a binhost as Portage downloaded it. Nothing is
// asked of the binhost itself.
func (r reader) remoteIndex(ctx context.Context, d settings.RemoteIndex) ([]ingest.SourceResult, error) {
	scan := &pkgScan{reader: r, path: d.Dir, kind: inventory.KindRemote}
	err := r.DB.View(ctx, func(tx *store.Tx) (err error) {
		if err := scan.load(tx); err != nil {
			return err
		}
		scan.names, err = inventory.EverInstalled(tx, r.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if scan.row.NamesKnown != int64(len(scan.names)) {
		// Entries that were left out may be of a package that was installed since.
		scan.row.IndexMTimeNS = 0
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
	if !scan.index.changed && scan.row.Kind == inventory.KindRemote && scan.row.FetchedTo == d.FetchedTo {
		return []ingest.SourceResult{scan.index.result}, nil
	}
	scan.row.Path, scan.row.Kind, scan.row.ScannedAt, scan.row.FetchedTo = d.Dir, inventory.KindRemote, r.Now, d.FetchedTo
	scan.row.NamesKnown = int64(len(scan.names))
	scan.index.describe(&scan.row)
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		if err := inventory.PutPkgDir(tx, r.ID, &scan.row); err != nil {
			return err
		}
		return scan.index.store(tx, scan)
	})
	return []ingest.SourceResult{scan.index.result}, err
}

// remoteMetadata returns the metadata that the index of a binhost has. Portage makes
// it with the dependencies that the USE flags of the build leave (bintree.py,
// _pkgindex_use_evaluated_keys), and without those keys that only the file has.
func remoteMetadata(e *pkgindex.Entry) *store.Metadata {
	return &store.Metadata{
		EAPI: e.EAPI, Use: e.USE, IUse: e.Value("IUSE"), Keywords: e.Value("KEYWORDS"), License: e.Value("LICENSE"),
		Properties: e.Value("PROPERTIES"), Restrict: e.Value("RESTRICT"), CHost: e.CHOST,
		BDepend: e.Value("BDEPEND"), Depend: e.Value("DEPEND"), RDepend: e.Value("RDEPEND"), PDepend: e.Value("PDEPEND"), IDepend: e.Value("IDEPEND"),
		Requires: e.Value("REQUIRES"), Provides: e.Value("PROVIDES"), DefinedPhases: e.Value("DEFINED_PHASES"), Description: e.Value("DESC"),
	}
}
