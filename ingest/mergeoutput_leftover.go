package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"emaudit/hostfs"
	"emaudit/store"
)

const (
	// maxProtectedFolders bounds the walk through CONFIG_PROTECT: /etc of a
	// large server has a few thousand folders.
	maxProtectedFolders = 1 << 16
	// maxProtectedDepth ends a loop of bind mounts.
	maxProtectedDepth = 32
	// maxPreservedRegistry bounds preserved_libs_registry, which has a line for
	// each library.
	maxPreservedRegistry = 8 << 20
)

// leftovers records what updates left for a person to do: configuration files to
// merge (portage/util/__init__.py, find_updated_config_files) and libraries kept
// because something still needs them (preserved_libs_registry).
func (r *reader) leftovers(ctx context.Context) ([]SourceResult, error) {
	var configs []store.Leftover
	folders := 0
	for _, p := range r.protected() {
		if err := r.pendingConfigs(ctx, p, &configs, &folders); err != nil {
			return nil, err
		}
	}
	libs, libsKnown := r.preservedLibs()
	sortLeftovers(configs)
	sortLeftovers(libs)
	var known []store.Leftover
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		known, err = tx.Leftovers(r.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !libsKnown {
		libs = nil
		for _, l := range known {
			if l.Role == store.LeftoverLibrary {
				libs = append(libs, l)
			}
		}
	}
	if sameLeftovers(known, append(slices.Clone(configs), libs...)) {
		return nil, nil
	}
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		if err := tx.ReplaceLeftovers(r.ID, store.LeftoverConfig, configs); err != nil {
			return err
		}
		return tx.ReplaceLeftovers(r.ID, store.LeftoverLibrary, libs)
	})
	if err != nil {
		err = fmt.Errorf("leftovers: %w", err)
	}
	return nil, err
}

func sortLeftovers(all []store.Leftover) {
	slices.SortFunc(all, func(a, b store.Leftover) int { return strings.Compare(a.Path, b.Path) })
}

// sameLeftovers compares what is known with what is there; both are sorted.
func sameLeftovers(known, now []store.Leftover) bool {
	return slices.EqualFunc(known, now, func(a, b store.Leftover) bool {
		return a.Role == b.Role && a.Path == b.Path && a.Detail == b.Detail
	})
}

// protected are the files and folders of CONFIG_PROTECT, without those below
// another one.
func (r *reader) protected() []string {
	var all []string
	for _, p := range append([]string{"/etc"}, strings.Fields(r.Settings.Get("CONFIG_PROTECT"))...) {
		all = append(all, path.Clean("/"+p))
	}
	slices.Sort(all)
	return slices.CompactFunc(all, func(a, b string) bool { return a == b || strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/") })
}

// pendingConfigs finds the "._cfg" files of one protected file or folder. What
// cannot be read holds none that could be reported.
func (r *reader) pendingConfigs(ctx context.Context, protected string, found *[]store.Leftover, folders *int) error {
	e, err := r.Root.Stat(protected)
	if err != nil {
		return nil
	}
	dirPath, only := protected, ""
	if e.Kind != hostfs.Directory {
		dirPath, only = path.Split(protected)
		dirPath = path.Clean(dirPath)
	}
	dir, err := r.Root.OpenDir(dirPath)
	if err != nil {
		return nil
	}
	defer dir.Close()
	return findPending(ctx, dir, dirPath, only, 0, found, folders)
}

// findPending looks through one folder, and with only == "" through those below
// it; hidden folders are left out, as Portage does.
func findPending(ctx context.Context, dir *hostfs.Dir, dirPath, only string, depth int, found *[]store.Leftover, folders *int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := dir.Entries()
	if err != nil {
		return nil
	}
	for _, e := range entries {
		switch {
		case e.Kind == hostfs.Regular || e.Kind == hostfs.Symlink:
			if target, ok := pendingTarget(e.Name); ok && (only == "" || target == only) {
				*found = append(*found, store.Leftover{Role: store.LeftoverConfig, Path: path.Join(dirPath, e.Name), Since: e.MTimeNS / int64(time.Second)})
			}
		case e.Kind == hostfs.Directory && only == "" && !strings.HasPrefix(e.Name, ".") && depth < maxProtectedDepth && *folders < maxProtectedFolders:
			*folders++
			sub, err := dir.OpenDir(e.Name)
			if err != nil {
				continue
			}
			err = findPending(ctx, sub, path.Join(dirPath, e.Name), "", depth+1, found, folders)
			sub.Close()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// pendingTarget returns the file that "._cfg0000_name" is to replace. Editors'
// backups of such files are none.
func pendingTarget(name string) (string, bool) {
	const begins, number = "._cfg", 4
	if !strings.HasPrefix(name, begins) || len(name) < len(begins)+number+2 || name[len(begins)+number] != '_' {
		return "", false
	}
	target := name[len(begins)+number+1:]
	return target, !strings.HasSuffix(name, "~") && !strings.HasSuffix(strings.ToLower(name), ".bak")
}

// preservedLibs reads the registry of preserved libraries; known is false where
// there is one that cannot be read.
func (r *reader) preservedLibs() (libs []store.Leftover, known bool) {
	data, err := r.Root.ReadFile(r.Settings.PreservedLibsFile(), maxPreservedRegistry)
	if err != nil {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	// {"cat/pn:slot": ["cat/pn-version", "counter", ["/path", …]], …}
	var registry map[string][]json.RawMessage
	if err := json.Unmarshal(data, &registry); err != nil {
		return nil, false // the pickle of before 2010, or damaged
	}
	for _, entry := range registry {
		var cpv string
		var paths []string
		if len(entry) != 3 || json.Unmarshal(entry[0], &cpv) != nil || json.Unmarshal(entry[2], &paths) != nil {
			continue
		}
		for _, p := range paths {
			libs = append(libs, store.Leftover{Role: store.LeftoverLibrary, Path: path.Clean("/" + p), Detail: cpv, Since: r.Now})
		}
	}
	return libs, true
}
