package store

// InstanceTotals returns how many files that are or pretend to be binary
// packages are in a pkgdir now, and their bytes together.
func (tx *Tx) InstanceTotals(pkgdir int64) (files int, bytes int64, err error) {
	err = tx.queryRow("SELECT count(*), coalesce(sum(size), 0) FROM instance WHERE pkgdir = ? AND gone_at IS NULL", pkgdir).Scan(&files, &bytes)
	return files, bytes, err
}
