package packages

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse/makeconf"
	"emaudit/parse/vdb"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/inventory"
)

const (
	// maxDrift bounds the stored differences of one package. Without the limit, a
	// package whose files are all missing would have one for each file.
	maxDrift = 1000
)

// CheckInstalled compares the files of installed packages with their CONTENTS, for
// packages without a binary package of the same build, and stores the differences.
// It is not part of [Run]; only advice to use quickpkg needs it.
func CheckInstalled(ctx context.Context, db *store.DB, host ingest.Host, opts ingest.Options) error {
	if opts.Jobs <= 0 {
		opts.Jobs = ingest.DefaultJobs()
	}
	var packages []inventory.Installed
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		packages, err = inventory.Uncovered(tx, host.ID)
		return err
	})
	if err != nil || len(packages) == 0 {
		return err
	}
	r := ingest.Reader{Host: host, Options: opts, DB: db}
	meter := r.StartProgress("installed files", int64(len(packages)), false)
	defer meter.Done()
	found := make([]comparison, len(packages))
	indices := make([]int, len(packages))
	for i := range indices {
		indices[i] = i
	}
	protected := newProtection(host.Root, host.Settings)
	err = ingest.EachFile(ctx, ingest.FileBatches(indices, opts.Jobs), opts.Jobs, func() func(int) error {
		return func(i int) error {
			p := &packages[i]
			found[i] = compareInstalled(ctx, host, protected, p.CPV)
			found[i].Counter, found[i].CheckedAt = p.Counter, opts.Now
			meter.Add(1)
			return ctx.Err()
		}
	})
	if err != nil {
		return err
	}
	files := make([]inventory.InstalledFiles, len(found))
	held := holdsInstallation(host.Root, found)
	for i := range found {
		if files[i] = found[i].InstalledFiles; !held {
			files[i].Complete, files[i].Drift = false, nil
		}
	}
	return db.Update(ctx, func(tx *store.Tx) error { return inventory.PutInstalledFiles(tx, host.ID, files) })
}

// comparison is the result for the files of one package.
type comparison struct {
	inventory.InstalledFiles
	present bool            // at least one of its files exists
	tops    map[string]bool // the top folders of the root that contain its files
}

// holdsInstallation reports whether the root has an installation at all. A copy of
// /var/db/pkg alone, or a system whose /usr is not mounted, has none of the files
// and lacks the top folders that should contain them.
func holdsInstallation(root *hostfs.Root, found []comparison) bool {
	held := true
	for _, c := range found {
		if c.present {
			return true
		}
		for top := range c.tops {
			if _, err := root.Lstat("/" + top); err != nil {
				held = false
			}
		}
	}
	return held
}

// compareInstalled compares one package with the files on disk.
func compareInstalled(ctx context.Context, host ingest.Host, protected *protection, cpv string) comparison {
	c := comparison{InstalledFiles: inventory.InstalledFiles{CPV: cpv}, tops: map[string]bool{}}
	// Paths in CONTENTS include EPREFIX, but not ROOT.
	target := strings.TrimSuffix(host.Settings.EROOT(), host.Settings.EPREFIX())
	c.Complete = eachOwned(host.Root, host.Settings, cpv, func(e vdb.ContentsEntry) error {
		there := e
		there.Path = path.Join("/", target, e.Path)
		state := compareEntry(host.Root, there, e.Kind == vdb.Regular && protected.covers(there.Path))
		if e.Kind != vdb.Directory {
			top, _, _ := strings.Cut(strings.TrimPrefix(there.Path, "/"), "/")
			c.tops[top] = true
			c.present = c.present || state != inventory.DriftMissing
		}
		if state != "" && len(c.Drift) < maxDrift {
			c.Drift = append(c.Drift, inventory.Drift{Path: e.Path, State: state})
		}
		return ctx.Err()
	})
	return c
}

// compareEntry returns the difference between a file and CONTENTS, or "". Unless
// always is set, it does not read a regular file with the recorded mtime. Files
// that administrators edit need always, because programs may write them with any
// mtime.
func compareEntry(root *hostfs.Root, e vdb.ContentsEntry, always bool) inventory.DriftState {
	there, err := root.Lstat(e.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return inventory.DriftMissing
	case err != nil:
		return inventory.DriftUnread
	}
	changed := inventory.DriftChanged
	if always {
		changed = inventory.DriftConfig
	}
	switch e.Kind {
	case vdb.Directory:
		// quickpkg packs a symlink to a folder as a folder.
		if there.Kind == hostfs.Symlink {
			if target, err := root.Stat(e.Path); err == nil {
				there = target
			}
		}
		if there.Kind != hostfs.Directory {
			return changed
		}
	case vdb.Symlink:
		if there.Kind != hostfs.Symlink {
			return changed
		}
	case vdb.Regular:
		switch {
		case there.Kind != hostfs.Regular:
			return changed
		case !always && floorSecond(there.MTimeNS) == e.MTime:
			return ""
		}
		sum, err := md5Of(root, e.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return inventory.DriftMissing
		case err != nil:
			return inventory.DriftUnread
		case !strings.EqualFold(sum, e.MD5):
			return changed
		}
	}
	return ""
}

// protection has the entries of CONFIG_PROTECT and CONFIG_PROTECT_MASK that count.
type protection struct{ protect, mask []string }

func newProtection(root *hostfs.Root, s *settings.Settings) *protection {
	p := new(protection)
	for _, name := range strings.Fields(s.Get("CONFIG_PROTECT")) {
		name = path.Join(s.EROOT(), name)
		if e, err := root.Stat(path.Dir(name)); err == nil && e.Kind == hostfs.Directory {
			p.protect = append(p.protect, name)
		}
	}
	for _, name := range strings.Fields(s.Get("CONFIG_PROTECT_MASK")) {
		name = path.Join(s.EROOT(), name)
		if _, err := root.Lstat(name); err == nil {
			p.mask = append(p.mask, name)
		}
	}
	return p
}

func (p *protection) covers(name string) bool { return makeconf.Protected(name, p.protect, p.mask) }
