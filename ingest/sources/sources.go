// Package sources says which sources a host has, and reads them in order.
package sources

import (
	"context"
	"slices"

	"emaudit/ingest"
	"emaudit/ingest/config"
	"emaudit/ingest/logfiles"
	"emaudit/ingest/packages"
	"emaudit/store"
)

// Ingest updates the store from the root. If a source fails, the other sources are
// still read; the stored facts of the failed source remain, and its result reports
// the failure. Ingest returns an error of the database, an error about a missing log
// in Options.Logs, or the error of ctx.
func Ingest(ctx context.Context, db *store.DB, host ingest.Host, opts ingest.Options) (ingest.Result, error) {
	if opts.Jobs <= 0 {
		opts.Jobs = ingest.DefaultJobs()
	}
	r := &ingest.Reader{Host: host, Options: opts, DB: db}
	if err := logfiles.CheckGiven(r); err != nil {
		return ingest.Result{}, err
	}
	return r.ReadAll(ctx, all(r))
}

// IngestEmergeLog updates the store from emerge.log alone. Its errors are those of
// [Ingest].
func IngestEmergeLog(ctx context.Context, db *store.DB, host ingest.Host, opts ingest.Options) (ingest.Result, error) {
	r := &ingest.Reader{Host: host, Options: opts, DB: db}
	return r.ReadAll(ctx, []ingest.Source{logfiles.EmergeLog(r)})
}

// all returns all sources in the order of reading. The VDB comes before the binary
// packages, because only packages with a matching installed package are hashed.
func all(r *ingest.Reader) []ingest.Source {
	return slices.Concat(
		[]ingest.Source{config.Settings(r), packages.VDB(r)},
		packages.PkgDirs(r),
		[]ingest.Source{config.Lists(r), logfiles.EmergeLog(r)},
		config.PackageMoves(r),
		packages.Binhosts(r),
		logfiles.Output(r),
		[]ingest.Source{config.Leftovers(r)},
	)
}
