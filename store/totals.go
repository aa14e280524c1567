package store

// InstanceTotals returns the number and the total size in bytes of the binary
// packages in a pkgdir, including files that only claim to be binary packages.
func (tx *Tx) InstanceTotals(pkgdir int64) (files int, bytes int64, err error) {
	err = tx.queryRow("SELECT count(*), coalesce(sum(size), 0) FROM instance WHERE pkgdir = ? AND gone_at IS NULL", pkgdir).Scan(&files, &bytes)
	return files, bytes, err
}
