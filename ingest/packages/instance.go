package packages

import (
	"cmp"
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse/binpkg"
	"emaudit/store"
	"emaudit/store/inventory"
)

// readAll reads structure and metadata of files in parallel. If there are many
// files, their names and metadata are stored during the reading, because they are
// most of the data of a first scan.
func (s *pkgScan) readAll(ctx context.Context, dir *hostfs.Dir, files []*pkgFile) error {
	meter := s.StartProgress("binpkgs", int64(len(files)), false)
	defer meter.Done()
	// A busy database delays the reading only after some batches, which bound the memory.
	read := make(chan *pkgFile, 4*minFilesForNames)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.enterNames(ctx, read) })
	group.Go(func() error {
		defer close(read)
		return ingest.EachFile(ctx, ingest.FileBatches(files, s.Jobs), s.Jobs, func() func(*pkgFile) error {
			rd := s.newReader()
			return func(f *pkgFile) error {
				f.instance(rd, dir)
				meter.Add(1)
				read <- f
				return nil
			}
		})
	})
	return group.Wait()
}

// minFilesForNames is the number of files from which storing their names separately
// pays off.
const minFilesForNames = 256

func (s *pkgScan) enterNames(ctx context.Context, read <-chan *pkgFile) error {
	var batch []*inventory.Instance
	shared := map[inventory.Traits]*inventory.Traits{}
	for f := range read {
		if shared[*f.read.Traits] == nil {
			shared[*f.read.Traits] = f.read.Traits
		}
		f.read.Traits = shared[*f.read.Traits]
		if batch = append(batch, f.read); len(batch) < minFilesForNames {
			continue
		}
		if err := s.DB.Update(ctx, func(tx *store.Tx) error { return inventory.EnterNames(tx, batch) }); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return nil
}

// newReader returns a reader that judges packages like Portage on this host.
func (r reader) newReader() *binpkg.Reader {
	rd := binpkg.NewReader()
	// For Portage, both mean no compression (bin/misc-functions.sh).
	compress := r.Settings.Get("BINPKG_COMPRESS")
	rd.AcceptPlain = compress == "" || compress == "none"
	return rd
}

// instance reads one file of the pkgdir dir into a row.
func (f *pkgFile) instance(rd *binpkg.Reader, dir *hostfs.Dir) {
	n := &inventory.Instance{
		Path: f.path, Inode: f.entry.Inode, Size: f.entry.Size, MTimeNS: f.entry.MTimeNS, PathBuildID: pathBuildID(f.entry.Name),
		Traits: &inventory.Traits{
			Format: binpkg.FormatUnknown, Origin: binpkg.OriginUnknown, Signed: inventory.SignedUnknown,
			Structure: inventory.StructureUnknown, Integrity: binpkg.Unknown, Signature: binpkg.SignatureUnchecked,
		},
	}
	f.read = n
	unread := func(err error) {
		f.vanished = ingest.Vanished(err)
		n.Problems = []inventory.Problem{{Code: inventory.ProblemUnread, Message: ingest.Reason(err)}}
	}
	file, err := dir.OpenBelow(f.path, maxBinpkg)
	if err != nil {
		unread(err)
		return
	}
	defer file.Close()
	p, err := rd.Read(file, f.entry.Size, binpkg.FormatOfName(f.entry.Name))
	if err != nil {
		unread(err)
		return
	}
	n.Format, n.Compressor, n.Origin = p.Format, string(p.Compressor), p.Origin
	n.CPV, n.Repo, n.BuildTime, n.BuildID = p.CPV(), p.Repository, max(p.BuildTime, 0), max(p.BuildID, 0)
	n.Slot, n.SubSlot, _ = strings.Cut(p.Slot, "/")
	n.SubSlot = cmp.Or(n.SubSlot, n.Slot)
	n.InstalledSize, n.HasEnvironment = p.InstalledSize, p.HasEnvironment
	n.Signed = inventory.SignedNo
	if p.Signed {
		n.Signed = inventory.SignedYes
	}
	n.Metadata, n.MetadataSum = metadataOf(p), p.MetadataSum
	n.Integrity, n.Signature = p.Integrity, binpkg.SignatureUnchecked
	if !p.Signed {
		n.Signature = binpkg.SignatureNone
	}
	switch {
	case p.Integrity == binpkg.Damaged:
		n.Structure = inventory.StructureDamaged
	case p.Readable():
		n.Structure = inventory.StructureSound
	}
	for _, d := range p.Diagnostics {
		n.Problems = append(n.Problems, inventory.Problem{Code: d.Code, Message: d.Message, Offset: d.Offset})
	}
	if n.Structure == inventory.StructureSound {
		var code, message string
		if n.Visible, code, message = placement(f.path, p); code != "" {
			n.Problems = append(n.Problems, inventory.Problem{Code: code, Message: message})
		}
	}
}

// isUnread reports whether a file could not be read at all.
func isUnread(n *inventory.Instance) bool {
	return n.Structure == inventory.StructureUnknown && n.Format == binpkg.FormatUnknown
}

// metadataOf returns the metadata of a binary package in stored form.
func metadataOf(p *binpkg.Package) *store.Metadata {
	if len(p.Names) == 0 {
		return nil
	}
	return &store.Metadata{
		EAPI: p.EAPI, Use: p.Use, IUse: p.IUse, IUseEffective: p.Others["IUSE_EFFECTIVE"], Keywords: p.Keywords, License: p.License,
		Properties: p.Properties, Restrict: p.Restrict, CHost: p.CHost, CFlags: p.Others["CFLAGS"], CXXFlags: p.Others["CXXFLAGS"],
		Features: p.Others["FEATURES"], BDepend: p.BDepend, Depend: p.Depend, RDepend: p.RDepend, PDepend: p.PDepend, IDepend: p.IDepend,
		Requires: p.Requires, Provides: p.Provides, DefinedPhases: p.Phases, Description: p.Description, InstallMask: cmp.Or(p.Others["PKG_INSTALL_MASK"], p.Others["INSTALL_MASK"]),
	}
}
