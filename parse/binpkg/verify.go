package binpkg

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/blake2b"

	"emaudit/parse/binpkg/tarball"
)

const (
	// chunkSize is how much of a file is in memory at a time, in bytes. All hashes
	// process a chunk before the next is read, so it should fit into the cache of
	// one processor: it is half of a common L2 cache.
	chunkSize = 256 << 10

	// parallelSize is the file size, in bytes, from which the hashes of one file
	// are computed in parallel and one chunk is read while another is hashed. Below
	// this size, hashing several files at once uses the processors better: a single
	// file of this size takes less than half a second.
	parallelSize = 128 << 20
)

// VerifyOptions says what Verify checks in addition to the checksums of the
// container.
type VerifyOptions struct {
	// Expect is the format that the file name promises, see [FormatOfName].
	Expect Format
	// Keyring holds the trusted keys. Without it, signatures are
	// SignatureUnchecked.
	Keyring *Keyring
	// Now is the time for which the expiry of keys is checked. If it is zero, each
	// signature is checked for the creation time that it claims.
	Now time.Time
	// Image makes Verify unpack and check the image, as Portage does only during a
	// merge. It takes about as long as the hashes.
	Image bool
	// MD5 and SHA1 make Verify compute these digests of the whole file. The
	// Packages index holds both, and BINPKGMD5 in the VDB is the MD5. They slow the
	// pass down by 45 and 20 percent. If the SHA1 matches an index entry, its MD5
	// is right too, so a caller with an index needs only SHA1.
	MD5, SHA1 bool
	// Former is the result of an earlier pass over the same file, which saves work.
	// The zero value means there is none.
	Former Former
	// Progress, if set, is called with the number of bytes read since the last
	// call. The calls come from the goroutine that called Verify.
	Progress func(n int64)
}

// Former holds results of an earlier pass over a file.
type Former struct {
	// MetadataSum is [Package.MetadataSum]. Metadata with this sum are not read
	// again.
	MetadataSum uint32
	// Frame is [Verification.Frame]; MD5 and SHA1 are the digests of the file at
	// that time. If the Manifest and the frame show that the file is unchanged, the
	// digests are not computed again.
	Frame     []byte
	MD5, SHA1 string
}

// Verification is the result of Verify. Its Integrity concerns the whole file. It
// is [Whole] only if every byte was read and every check of Portage passed. An xpak
// has no checksums, so it is [Unchecked] until SettleByIndex compares its digests
// with the Packages index.
type Verification struct {
	*Package
	// Signature is the combined state of all signatures.
	Signature SignatureState
	// Signatures are in the order of the members. The slice is never nil.
	Signatures []Signature
	// MD5 and SHA1 are digests of the whole file, in lower-case hexadecimal. They
	// are "" if they were not requested, or if the file was not read completely.
	MD5, SHA1 string
	// Frame is a digest of the bytes that the Manifest of a gpkg does not cover. It
	// is nil if neither MD5 nor SHA1 was requested, or if the file is in any way
	// unusual.
	Frame []byte
	// Image is nil if the image was not read.
	Image *Image
}

// Verify reads the package in r, which has size bytes, once from start to end, and
// checks everything that can be checked. It reads the structure and the Manifest
// first, so the few kB of them that lie after the first 256 KiB are read again in
// the pass.
//
// The Verification holds all damage. The error is an error of r or of ctx; the
// Verification is then nil.
func (rd *Reader) Verify(ctx context.Context, r io.ReaderAt, size int64, opts VerifyOptions) (*Verification, error) {
	head, err := rd.readHead(r, size)
	if err != nil {
		return nil, err
	}
	r = &cachedHead{r, head}
	// The image is compared with CONTENTS in the metadata.
	rd.contents = nil
	if rd.keepContents = opts.Image; !opts.Image {
		rd.knownMetadata = opts.Former.MetadataSum
	}
	p, err := rd.Read(r, size, opts.Expect)
	rd.knownMetadata, rd.keepContents = 0, false
	if err != nil {
		return nil, err
	}
	v := &Verification{Package: p, Signature: SignatureNone, Signatures: []Signature{}}
	src := tarball.File{R: r, Size: size}
	pass := &pass{end: size}
	rd.hashes.reset()
	var checks []*signatureCheck
	if p.Format == FormatGpkg {
		checks, err = rd.prepareGpkg(v, pass, src, opts)
		if err != nil && !errors.Is(err, tarball.ErrTruncated) {
			return nil, fmt.Errorf("%s: %w", p.Format, err)
		}
	}
	rest := size - rd.walk.End
	partial := p.Format == FormatGpkg && rest > maxTrailing
	if partial {
		pass.end = rd.walk.End
	}
	if p.Format == FormatGpkg && (opts.MD5 || opts.SHA1) {
		if v.Frame, err = rd.frame(p, pass, src); err != nil && !errors.Is(err, tarball.ErrTruncated) {
			return nil, fmt.Errorf("%s: %w", p.Format, err)
		}
	}
	same := v.Frame != nil && bytes.Equal(v.Frame, opts.Former.Frame)
	if opts.MD5 && !partial && (!same || opts.Former.MD5 == "") {
		pass.md5 = md5.New()
	}
	if opts.SHA1 && !partial && (!same || opts.Former.SHA1 == "") {
		pass.sha1 = rd.hashes.sha1()
	}

	finish := rd.startSinks(v, pass, checks, opts)
	err = rd.run(ctx, pass, src, int64(len(head)), opts.Progress)
	finish(err)
	if errors.Is(err, tarball.ErrTruncated) {
		p.diagnose(pass.end, ProblemTruncated, "the file became shorter while it was read")
		pass.md5, pass.sha1 = nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Format, err)
	}
	if pass.md5 != nil {
		v.MD5 = hex.EncodeToString(pass.md5.Sum(nil))
	}
	if pass.sha1 != nil {
		v.SHA1 = hex.EncodeToString(pass.sha1.Sum(nil))
	}
	v.judgeHashes(pass)
	v.judgeSignatures(checks)
	// All members except the Manifest itself must have been compared.
	compared := min(len(pass.sha512), len(pass.blake2b)) == len(p.Members)-1
	if p.Format == FormatGpkg && p.Integrity == Unchecked && compared {
		p.Integrity = Whole
	}
	switch {
	case p.Integrity != Whole:
		v.Frame = nil
	case same:
		v.MD5, v.SHA1 = cmp.Or(v.MD5, opts.Former.MD5), cmp.Or(v.SHA1, opts.Former.SHA1)
	}
	return v, nil
}

// readHead reads the first chunk of a file. Most files are no longer than that.
func (rd *Reader) readHead(r io.ReaderAt, size int64) ([]byte, error) {
	if rd.chunks[0] == nil {
		rd.chunks[0] = make([]byte, chunkSize)
	}
	n, err := r.ReadAt(rd.chunks[0][:min(size, chunkSize)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return rd.chunks[0][:n], nil
}

// cachedHead is a file with its first bytes in memory.
type cachedHead struct {
	io.ReaderAt
	head []byte
}

// ReadAt implements [io.ReaderAt].
func (h *cachedHead) ReadAt(p []byte, off int64) (int, error) {
	if off >= 0 && off+int64(len(p)) <= int64(len(h.head)) {
		return copy(p, h.head[off:]), nil
	}
	return h.ReaderAt.ReadAt(p, off)
}

// SettleByIndex compares an xpak, which has no checksums, with the digests in the
// Packages index. They are hexadecimal, or "" if the index lacks them. It reports
// whether all digests that both sides have are equal. It does not change the
// verdict on a gpkg, because the Manifest is better evidence.
func (v *Verification) SettleByIndex(md5, sha1 string) (equal bool) {
	compared := false
	for _, d := range [...]struct{ want, got string }{{md5, v.MD5}, {sha1, v.SHA1}} {
		if d.want == "" || d.got == "" {
			continue
		}
		if !strings.EqualFold(d.want, d.got) {
			return false
		}
		compared = true
	}
	if compared && v.Format == FormatXpak && v.Integrity == Unchecked {
		v.Integrity = Whole
	}
	return true
}

// part is a byte range of the file.
type part struct{ offset, size int64 }

// of returns the bytes of chunk that belong to the part. at is the offset of chunk.
func (p part) of(chunk []byte, at int64) []byte {
	from := max(0, p.offset-at)
	to := min(int64(len(chunk)), p.offset+p.size-at)
	if from >= to {
		return nil
	}
	return chunk[from:to]
}

// hashing is a running hash of a member and its expected value.
type hashing struct {
	part
	hash.Hash
	member string
	want   []byte
}

// sink processes a part of the file as a stream, in its own goroutine.
type sink struct {
	part
	w *io.PipeWriter
}

// pass is one pass over a file, from the first byte to end.
type pass struct {
	end             int64
	md5, sha1       hash.Hash // nil if not requested
	sha512, blake2b []hashing
	sinks           []*sink
}

// prepareGpkg reads the Manifest and the signatures, and sets up the hashes of the
// members.
func (rd *Reader) prepareGpkg(v *Verification, pass *pass, src tarball.File, opts VerifyOptions) ([]*signatureCheck, error) {
	p := v.Package
	var checks []*signatureCheck
	manifest := -1
	for i, m := range p.Members {
		base := m.Base()
		member, isSig := strings.CutSuffix(base, sigSuffix)
		if base == manifestName {
			manifest = i
		}
		if !isSig && base != manifestName {
			continue
		}
		if m.Size > maxManifestSize {
			p.diagnose(m.Offset, ProblemManifestTooLarge, "%s of %d bytes, limit %d", shorten([]byte(base)), m.Size, maxManifestSize)
			if base == manifestName {
				return checks, nil
			}
			continue
		}
		if isSig {
			data, err := section(nil, src, m.Offset, m.Size)
			if err != nil {
				return nil, err
			}
			checks = append(checks, newDetachedChecks(member, data)...)
		}
	}
	if manifest < 0 {
		return checks, nil
	}
	m := p.Members[manifest]
	text, err := section(rd.manifest.text, src, m.Offset, m.Size)
	if err != nil {
		return nil, err
	}
	rd.manifest.text = text
	covered := true
	switch {
	case bytes.Contains(text, []byte(pgpSignature)):
		var made []*signatureCheck
		text, made, covered = checkClearSigned(p, text, m.Offset, opts.Keyring, opts.Now)
		checks = append(checks, made...)
	case p.Signed:
		// If there is any signature, Portage reads the Manifest from the output of
		// gpg. gpg prints nothing for an unsigned text.
		p.diagnose(m.Offset, ProblemManifestUnsigned, "Manifest: not signed, but members are")
	}
	if p.Signed {
		v.missingSignatures(checks)
	}
	if !covered {
		return checks, nil
	}
	entries, _ := rd.manifest.read(p, text, m.Offset)
	pass.sha512, pass.blake2b = rd.hashes.ofSHA512[:0], rd.hashes.ofBLAKE2B[:0]
	for i, entry := range matchManifest(p, entries, m) {
		if entry == nil {
			continue
		}
		at := part{p.Members[i].Offset, p.Members[i].Size}
		if entry.sha512 != nil {
			pass.sha512 = append(pass.sha512, hashing{at, rd.hashes.sha512(), entry.name, entry.sha512})
		}
		if entry.blake2b != nil {
			pass.blake2b = append(pass.blake2b, hashing{at, rd.hashes.blake2b(), entry.name, entry.blake2b})
		}
	}
	rd.hashes.ofSHA512, rd.hashes.ofBLAKE2B = pass.sha512, pass.blake2b
	return checks, nil
}

// startSinks starts the streaming readers: checks of detached signatures and the
// check of the image. The function finish stops them and waits for them.
func (rd *Reader) startSinks(v *Verification, pass *pass, checks []*signatureCheck, opts VerifyOptions) (finish func(error)) {
	var wg sync.WaitGroup
	start := func(offset, size int64, f func(io.Reader)) {
		pr, pw := io.Pipe()
		pass.sinks = append(pass.sinks, &sink{part{offset, size}, pw})
		wg.Go(func() {
			// Discard the bytes that the reader did not consume.
			defer pr.Close()
			f(pr)
		})
	}
	for _, c := range checks {
		if c.Member == manifestName || opts.Keyring == nil || c.problem != "" {
			continue
		}
		i := memberIndex(v.Package, c.Member)
		if i < 0 {
			c.fail(fmt.Errorf("signature of %q, which is no member", c.Member))
			continue
		}
		m := v.Members[i]
		start(m.Offset, m.Size, func(r io.Reader) { c.verify(opts.Keyring, opts.Now, r) })
	}
	// While the pass runs, only the image check also writes to the package. Its
	// findings are merged when it has finished.
	var walked *Package
	if opts.Image && v.Compressor != "" && v.ImageSize > 0 {
		walked = &Package{Format: v.Format, Compressor: v.Compressor, ImageOffset: v.ImageOffset, ImageSize: v.ImageSize, Integrity: Whole}
		start(v.ImageOffset, v.ImageSize, func(r io.Reader) {
			v.Image = rd.walkImage(walked, r, walked.ImageSize)
		})
	}
	return func(err error) {
		for _, s := range pass.sinks {
			s.w.CloseWithError(err)
		}
		wg.Wait()
		if walked != nil {
			v.Diagnostics = append(v.Diagnostics, walked.Diagnostics...)
			v.Integrity = worst(v.Integrity, walked.Integrity)
		}
	}
}

func memberIndex(p *Package, base string) int {
	return slices.IndexFunc(p.Members, func(m Member) bool { return m.Base() == base })
}

// run reads the file and feeds the hashes and sinks. The first chunk already holds
// the first head bytes.
func (rd *Reader) run(ctx context.Context, pass *pass, src tarball.File, head int64, progress func(int64)) error {
	parallel := pass.end >= parallelSize
	if parallel && rd.chunks[1] == nil {
		rd.chunks[1] = make([]byte, chunkSize)
	}
	var pending sync.WaitGroup
	defer pending.Wait()
	for at, turn := int64(0), 0; at < pass.end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := rd.chunks[turn][:min(chunkSize, pass.end-at)]
		if at > 0 || int64(len(chunk)) > head {
			if err := src.ReadAt(chunk, at); err != nil {
				return err
			}
		}
		if parallel {
			pending.Wait()
			pass.feed(chunk, at, pending.Go)
			turn ^= 1
		} else {
			pass.feed(chunk, at, func(f func()) { f() })
		}
		at += int64(len(chunk))
		if progress != nil {
			progress(int64(len(chunk)))
		}
	}
	return nil
}

// feed passes one chunk to each hash and sink, each in one call of do.
func (pass *pass) feed(chunk []byte, at int64, do func(func())) {
	for _, h := range [...]hash.Hash{pass.md5, pass.sha1} {
		if h != nil {
			do(func() { h.Write(chunk) })
		}
	}
	for _, hashes := range [...][]hashing{pass.sha512, pass.blake2b} {
		do(func() {
			for _, h := range hashes {
				if mine := h.of(chunk, at); len(mine) > 0 {
					h.Write(mine)
				}
			}
		})
	}
	for _, s := range pass.sinks {
		if mine := s.of(chunk, at); len(mine) > 0 {
			// A sink that stopped reading needs no more input.
			do(func() { _, _ = s.w.Write(mine) })
		}
	}
}

// hashes holds the hashes of the members, for reuse by the next package.
type hashes struct {
	sha512s, blake2bs         []hash.Hash
	sha512InUse, blake2bInUse int
	ofSHA512, ofBLAKE2B       []hashing
	ofAll                     hash.Hash // SHA1
}

func (h *hashes) sha1() hash.Hash {
	if h.ofAll == nil {
		h.ofAll = sha1.New()
	}
	return cleared(h.ofAll)
}

// reset makes all hashes available again.
func (h *hashes) reset() { h.sha512InUse, h.blake2bInUse = 0, 0 }

func (h *hashes) sha512() hash.Hash {
	if h.sha512InUse == len(h.sha512s) {
		h.sha512s = append(h.sha512s, sha512.New())
	}
	h.sha512InUse++
	return cleared(h.sha512s[h.sha512InUse-1])
}

func (h *hashes) blake2b() hash.Hash {
	if h.blake2bInUse == len(h.blake2bs) {
		// The only possible error is a key that is too long.
		b, _ := blake2b.New512(nil)
		h.blake2bs = append(h.blake2bs, b)
	}
	h.blake2bInUse++
	return cleared(h.blake2bs[h.blake2bInUse-1])
}

func cleared(h hash.Hash) hash.Hash {
	h.Reset()
	return h
}

func (v *Verification) judgeHashes(pass *pass) {
	judge := func(name string, hashes []hashing) {
		for _, h := range hashes {
			if got := h.Sum(nil); !bytes.Equal(got, h.want) {
				// Eight bytes are enough to tell two digests apart in a message. A
				// digest in a Manifest may be shorter.
				v.diagnose(h.offset, ProblemManifestHash, "%s of %s: want %x..., got %x...", name, shorten([]byte(h.member)), h.want[:min(8, len(h.want))], got[:8])
			}
		}
	}
	judge("SHA512", pass.sha512)
	judge("BLAKE2B", pass.blake2b)
}

func (v *Verification) judgeSignatures(checks []*signatureCheck) {
	for _, c := range checks {
		v.Signatures = append(v.Signatures, c.Signature)
		if c.problem != "" {
			v.diagnose(0, c.problem, "signature of %s by key %s: %s", shorten([]byte(c.Member)), c.KeyID, c.detail)
		}
	}
	slices.SortStableFunc(v.Signatures, func(a, b Signature) int {
		return memberIndex(v.Package, a.Member) - memberIndex(v.Package, b.Member)
	})
	v.Signature = stateOfAll(v.Signatures)
}
