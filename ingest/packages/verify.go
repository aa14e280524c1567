package packages

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"time"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse/binpkg"
	"emaudit/store"
	"emaudit/store/inventory"
)

// VerifyOptions select the binary packages to read in full and the checks to make.
type VerifyOptions struct {
	Now      int64 // unix seconds
	Jobs     int   // files read in parallel; 0 means one for each processor
	Progress ingest.Progress

	// Wanted selects files; nil means all binary packages of the host.
	Wanted func(pkgdir, path string) bool
	// All also reads files that are unchanged since they were last read.
	All bool
	// MaxAge is the time, in seconds, after which a file is due again; 0 means
	// never.
	MaxAge int64
	// Sample, if not 0, is the largest number of files to read. Files that were
	// never read come first, then those whose last reading is the oldest. With
	// MaxAge, only files that are due count.
	Sample int

	// Keyring verifies signatures; nil leaves them unchecked. KeyringDigest
	// identifies the keyring.
	Keyring       *binpkg.Keyring
	KeyringDigest []byte
	// Images unpacks every image. Otherwise only those images are unpacked that no
	// evidence on this host confirms; see [verifyFile.unpacks].
	Images bool
	// MD5 also compares the MD5 of the index if its SHA1 is compared. That takes
	// nearly twice as long.
	MD5 bool
}

// VerifyResult is the result of a verification.
type VerifyResult struct {
	Wanted  int   // number of selected files
	Due     int   // selected files that had to be read
	Before  int64 // the last earlier reading of the due files, in unix seconds; 0 means never
	Read    int   // due files that were read
	Bytes   int64 // their total size
	Changed int   // files that changed meanwhile, left to the next ingest
	// Files are the selected files, or with Sample the files that were read, by
	// folder and relative path.
	Files map[[2]string]bool
}

// Verify reads binary packages completely and stores the results in batches. After
// an interruption, the results so far remain, and the next call continues. The
// database must be up to date; see [Run].
func Verify(ctx context.Context, db *store.DB, host ingest.Host, opts VerifyOptions) (VerifyResult, error) {
	if opts.Jobs <= 0 {
		opts.Jobs = runtime.GOMAXPROCS(0)
	}
	v := &verification{reader: reader{&ingest.Reader{Host: host, Options: ingest.Options{Now: opts.Now, Jobs: opts.Jobs, Progress: opts.Progress}, DB: db}}, opts: opts}
	v.result.Files = map[[2]string]bool{}
	if err := db.View(ctx, v.plan); err != nil {
		return v.result, err
	}
	var total int64
	for _, f := range v.due {
		total += f.size()
	}
	meter := v.StartProgress("verify", total, true)
	defer meter.Done()
	for _, d := range v.dirs {
		if err := v.folder(ctx, d, meter); err != nil {
			return v.result, err
		}
	}
	return v.result, nil
}

// verification is one call of [Verify].
type verification struct {
	reader
	opts   VerifyOptions
	result VerifyResult
	dirs   []inventory.PkgDir
	due    []*verifyFile
	merged map[inventory.Build][]byte // BINPKGMD5 of the installed packages
}

// verifyFile is a file to read in full.
type verifyFile struct {
	path   string // relative to the pkgdir
	stored *inventory.VerifyCandidate
	kind   inventory.PkgDirKind    // of its folder
	entry  *inventory.IndexDigests // from the index entry, if it describes the file correctly
	merged []byte                  // BINPKGMD5 of the installed package of the same build
}

func (f *verifyFile) size() int64 { return f.stored.Size }

// plan selects the files to read.
func (v *verification) plan(tx *store.Tx) error {
	v.due = nil
	var err error
	if v.merged, err = inventory.MergedDigests(tx, v.ID); err != nil {
		return err
	}
	if v.dirs, err = inventory.PkgDirs(tx, v.ID); err != nil {
		return err
	}
	for _, d := range v.dirs {
		if err := v.planFolder(tx, d); err != nil {
			return fmt.Errorf("pkgdir %s: %w", d.Path, err)
		}
	}
	if v.opts.Sample > 0 {
		slices.SortStableFunc(v.due, func(a, b *verifyFile) int {
			return cmp.Or(cmp.Compare(a.stored.VerifiedAt, b.stored.VerifiedAt), cmp.Compare(b.size(), a.size()))
		})
		v.due = v.due[:min(v.opts.Sample, len(v.due))]
		clear(v.result.Files)
		for _, f := range v.due {
			v.result.Files[v.name(f)] = true
		}
	}
	v.result.Due = len(v.due)
	for _, f := range v.due {
		v.result.Before = max(v.result.Before, f.stored.VerifiedAt)
	}
	return nil
}

// name returns the key of a file in [VerifyResult].
func (v *verification) name(f *verifyFile) [2]string {
	for _, d := range v.dirs {
		if d.ID == f.stored.PkgDir {
			return [2]string{d.Path, f.path}
		}
	}
	return [2]string{"", f.path}
}

func (v *verification) planFolder(tx *store.Tx, d inventory.PkgDir) error {
	candidates, err := inventory.VerifyCandidates(tx, d.ID)
	if err != nil {
		return err
	}
	entries, err := inventory.ReadIndexDigests(tx, d.ID)
	if err != nil {
		return err
	}
	byPath := make(map[string][]*inventory.IndexDigests, len(entries))
	for i := range entries {
		byPath[entries[i].Path] = append(byPath[entries[i].Path], &entries[i])
	}
	for i := range candidates {
		n := &candidates[i]
		if v.opts.Wanted != nil && !v.opts.Wanted(d.Path, n.Path) {
			continue
		}
		v.result.Wanted++
		v.result.Files[[2]string{d.Path, n.Path}] = true
		if !v.isDue(n) {
			continue
		}
		f := &verifyFile{path: n.Path, stored: n, kind: d.Kind, merged: v.merged[n.Build]}
		for _, e := range byPath[n.Path] {
			if e.Size == n.Size && e.MTime == floorSecond(n.MTimeNS) {
				f.entry = e
			}
		}
		v.due = append(v.due, f)
	}
	return nil
}

// floorSecond returns the whole seconds of a time in nanoseconds, which is the
// precision of Portage's comparison.
func floorSecond(ns int64) int64 { return time.Unix(0, ns).Unix() }

// isDue reports whether a file must be read.
func (v *verification) isDue(n *inventory.VerifyCandidate) bool {
	switch {
	case v.opts.All || v.opts.Sample > 0 && v.opts.MaxAge == 0 || n.VerifiedAt == 0:
		return true
	case v.opts.MaxAge > 0 && (v.opts.Now-n.VerifiedAt > v.opts.MaxAge || n.VerifiedAt > v.opts.Now):
		return true // the recorded time is in the future, so the clock was wrong
	case v.opts.Images && !n.ImageChecked && n.Integrity == binpkg.Whole:
		return true
	}
	return n.Signed == inventory.SignedYes && v.opts.KeyringDigest != nil && string(n.Keyring) != string(v.opts.KeyringDigest)
}

// folder reads the due files of one pkgdir.
func (v *verification) folder(ctx context.Context, d inventory.PkgDir, meter ingest.Meter) error {
	var files []*verifyFile
	for _, f := range v.due {
		if f.stored.PkgDir == d.ID {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil
	}
	dir, err := v.Root.OpenDir(d.Path)
	if err != nil {
		return nil // the preceding ingest has reported it
	}
	defer dir.Close()
	found := make(chan *inventory.Verification, v.opts.Jobs)
	stored := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		err := v.collect(ctx, found)
		if err != nil {
			cancel()
			for range found {
			}
		}
		stored <- err
	}()
	err = ingest.EachFile(ctx, inOrder(files, v.opts.Jobs), v.opts.Jobs, func() func(*verifyFile) error {
		rd := v.newReader()
		return func(f *verifyFile) error {
			result, err := v.file(ctx, rd, f, dir, meter)
			if err == nil {
				found <- result
			}
			return err
		}
	})
	close(found)
	return cmp.Or(<-stored, err)
}

// largeFile is the size, in bytes, from which a file is handed to a worker
// separately.
const largeFile = 1 << 20

// inOrder returns the files in the order of reading: the largest first, so that all
// processors finish at about the same time, then the small files, several at a
// time, in their order on disk.
func inOrder(files []*verifyFile, jobs int) [][]*verifyFile {
	var small []*verifyFile
	var batches [][]*verifyFile
	for _, f := range files {
		if f.size() < largeFile {
			small = append(small, f)
		} else {
			batches = append(batches, []*verifyFile{f})
		}
	}
	slices.SortStableFunc(batches, func(a, b []*verifyFile) int { return cmp.Compare(b[0].size(), a[0].size()) })
	return append(batches, ingest.FileBatches(small, jobs)...)
}

// batchFiles and batchBytes are the amount of work after which results are stored.
// An interruption loses at most that much.
const (
	batchFiles = 256
	batchBytes = 1 << 30
)

// collect stores the results of the workers in batches, even after an interruption.
func (v *verification) collect(ctx context.Context, found <-chan *inventory.Verification) error {
	size := map[int64]int64{}
	for _, f := range v.due {
		size[f.stored.ID] = f.size()
	}
	var batch []inventory.Verification
	var bytes int64
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := v.DB.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return inventory.PutVerifications(tx, batch) })
		batch, bytes = batch[:0], 0
		return err
	}
	for f := range found {
		if f == nil {
			v.result.Changed++
			continue
		}
		v.result.Read++
		v.result.Bytes += size[f.Instance]
		batch = append(batch, *f)
		if bytes += size[f.Instance]; len(batch) >= batchFiles || bytes >= batchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// file reads one file. It returns nil if the file has changed since it was planned,
// and an error only if ctx was cancelled.
func (v *verification) file(ctx context.Context, rd *binpkg.Reader, f *verifyFile, dir *hostfs.Dir, meter ingest.Meter) (*inventory.Verification, error) {
	result := &inventory.Verification{
		Instance: f.stored.ID, Integrity: binpkg.Unknown, Signature: binpkg.SignatureUnchecked, Keyring: v.opts.KeyringDigest, At: v.opts.Now,
	}
	unread := func(err error) (*inventory.Verification, error) {
		// It was not read to its end, so earlier results no longer count.
		result.At, result.Problems = 0, []inventory.Problem{{Code: inventory.ProblemUnread, Message: ingest.Reason(err)}}
		return result, nil
	}
	file, err := dir.OpenBelow(f.path, maxBinpkg)
	if ingest.Vanished(err) {
		return nil, nil
	}
	if err != nil {
		return unread(err)
	}
	defer file.Close()
	if !sameFile(&f.stored.InstanceStamp, file.Entry()) {
		return nil, nil
	}
	options := v.options(f)
	options.Progress = meter.Add
	verified, err := rd.Verify(ctx, file, f.size(), options)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return unread(err)
	}
	if now, err := file.Stat(); err != nil || !sameFile(&f.stored.InstanceStamp, now) {
		return nil, nil
	}
	f.compareDigests(verified)
	f.fill(result, verified)
	return result, nil
}

// options returns the checks of a file. It uses the SHA1 of the index, which is
// cheap. If the SHA1 matches, the MD5 in the same entry is right too.
func (v *verification) options(f *verifyFile) binpkg.VerifyOptions {
	o := binpkg.VerifyOptions{Expect: binpkg.FormatOfName(f.path), Keyring: v.opts.Keyring, Now: time.Unix(v.opts.Now, 0)}
	o.SHA1 = f.entry != nil && f.entry.SHA1 != nil
	switch {
	case f.entry != nil && f.entry.MD5 != nil:
		o.MD5 = v.opts.MD5 || f.entry.SHA1 == nil
	case f.merged != nil:
		o.MD5 = true
	}
	o.Image = v.opts.Images || f.unpacks()
	if f.stored.Flawless {
		o.Former.MetadataSum = f.stored.MetadataSum
		o.Former.Frame = f.stored.Frame
		o.Former.MD5, o.Former.SHA1 = hex.EncodeToString(f.stored.MD5), hex.EncodeToString(f.stored.SHA1)
	}
	return o
}

// unpacks reports whether the image of a file is unpacked even without a request.
// That is so if quickpkg packed it, because quickpkg omits configuration, and if
// neither Portage's own index nor the VDB of this host confirms its bytes, because
// only unpacking then shows what Portage would refuse to extract.
func (f *verifyFile) unpacks() bool {
	vouched := f.kind == inventory.KindPkgDir && f.entry != nil && (f.entry.SHA1 != nil || f.entry.MD5 != nil) || f.merged != nil
	return !vouched || f.stored.Origin == binpkg.OriginQuickpkg
}

// compareDigests compares the digests. An xpak has no other checksums: it is whole
// if a digest matches, and damaged if one differs.
func (f *verifyFile) compareDigests(p *binpkg.Verification) {
	equal := true
	if f.entry != nil {
		equal = p.SettleByIndex(hex.EncodeToString(f.entry.MD5), hex.EncodeToString(f.entry.SHA1))
	}
	if f.merged != nil && hex.EncodeToString(f.merged) == p.MD5 {
		p.SettleByIndex(p.MD5, "")
	}
	if !equal && p.Format == binpkg.FormatXpak {
		p.Integrity = binpkg.Damaged
	}
}

// fill converts the results to stored form.
func (f *verifyFile) fill(result *inventory.Verification, p *binpkg.Verification) {
	result.Integrity, result.Signature = p.Integrity, p.Signature
	result.MD5, result.SHA1, result.Frame = digest(p.MD5), digest(p.SHA1), p.Frame
	if result.ImageChecked = p.Image != nil; result.ImageChecked {
		result.Files = p.Image.Names
	}
	for _, s := range p.Signatures {
		if s.State == p.Signature {
			result.SignatureKey = cmp.Or(result.SignatureKey, s.Fingerprint, s.KeyID)
		}
	}
	for _, d := range p.Diagnostics {
		result.Problems = append(result.Problems, inventory.Problem{Code: d.Code, Message: d.Message, Offset: d.Offset})
	}
	if f.entry != nil && p.Format == binpkg.FormatXpak && p.Integrity == binpkg.Damaged && len(result.Problems) == 0 {
		result.Problems = append(result.Problems, inventory.Problem{Code: inventory.ProblemDigest, Message: "its digest is not that of the index, which alone covers an xpak"})
	}
}
