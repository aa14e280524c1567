package packages

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"io"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/store"
	"emaudit/store/inventory"
)

// hashForCoverage computes MD5 and SHA1 of the files that may get the verdict
// "exact" and that have no current digest in an index: the builds of installed
// packages with a BINPKGMD5.
func (r reader) hashForCoverage(ctx context.Context, dir *hostfs.Dir, pkgdir int64) error {
	var wanted []*inventory.Instance
	err := r.DB.View(ctx, func(tx *store.Tx) (err error) {
		wanted, err = inventory.InstancesToHash(tx, r.ID, pkgdir)
		return err
	})
	if err != nil || len(wanted) == 0 {
		return err
	}
	var total int64
	numbers := make([]int, len(wanted))
	for i, n := range wanted {
		total += n.Size
		numbers[i] = i
	}
	meter := r.StartProgress("hashing", total, true)
	defer meter.Done()
	type hashes struct{ md5, sha1 []byte }
	sums := make([]hashes, len(wanted))
	err = ingest.EachFile(ctx, ingest.FileBatches(numbers, r.Jobs), r.Jobs, func() func(int) error {
		return func(i int) error {
			file, err := dir.OpenBelow(wanted[i].Path, maxBinpkg)
			if err != nil {
				return nil // the next scan will report it
			}
			defer file.Close()
			m, s := md5.New(), sha1.New()
			size := wanted[i].Size
			copied, err := io.Copy(io.MultiWriter(m, s), io.NewSectionReader(file, 0, size+1))
			if err == nil && copied == size {
				sums[i] = hashes{m.Sum(nil), s.Sum(nil)}
			}
			meter.Add(size)
			return nil
		}
	})
	if err != nil {
		return err
	}
	return r.DB.Update(ctx, func(tx *store.Tx) error {
		for i, n := range wanted {
			if sums[i].md5 != nil {
				if err := inventory.SetInstanceHashes(tx, n.ID, sums[i].md5, sums[i].sha1); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
