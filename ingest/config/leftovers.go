package config

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/vdb"
	"emaudit/store"
	"emaudit/store/inventory"
)

const (
	// maxProtectedFolders bounds the search in CONFIG_PROTECT. /etc of a large
	// server has a few thousand folders.
	maxProtectedFolders = 1 << 16
	// maxProtectedDepth stops a loop of bind mounts.
	maxProtectedDepth = 32
	// maxPreservedRegistry is the largest accepted size of preserved_libs_registry,
	// in bytes. It has one line for each library.
	maxPreservedRegistry = 8 << 20
	// codeConfigUnlisted means that folders of CONFIG_PROTECT could not be listed.
	codeConfigUnlisted = "config-protect-unread"
	// codeRegistryUnread means that the content of preserved_libs_registry is
	// unknown.
	codeRegistryUnread = "preserved-libs-unread"
)

// Leftovers is the source of the tasks that updates left.
func Leftovers(r *ingest.Reader) ingest.Source {
	return ingest.Source{Kind: store.SourceLeftovers, Path: r.Settings.PreservedLibsFile(), Read: reader{r}.leftovers}
}

// leftovers records the tasks that updates leave to a person: configuration files
// to merge (portage/util/__init__.py, find_updated_config_files), and libraries
// that are kept because packages still need them (preserved_libs_registry).
func (r reader) leftovers(ctx context.Context) ([]ingest.SourceResult, error) {
	search := pendingSearch{reader: r}
	for _, p := range r.protected() {
		if err := search.protected(ctx, p); err != nil {
			return nil, err
		}
	}
	configs := search.found
	libs, problem := r.preservedLibs()
	var known []inventory.Leftover
	var knownDiags []store.Diagnostic
	err := r.DB.View(ctx, func(tx *store.Tx) (err error) {
		if known, err = inventory.Leftovers(tx, r.ID); err == nil {
			knownDiags, err = tx.Diagnostics(r.ID, store.SourceLeftovers)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	// Keep the facts about places that could not be read.
	for _, l := range known {
		if l.Role == inventory.LeftoverLibrary && problem != "" || l.Role == inventory.LeftoverConfig && search.isUnlisted(path.Dir(l.Path)) {
			if l.Role == inventory.LeftoverLibrary {
				if !slices.ContainsFunc(libs, func(have inventory.Leftover) bool { return have.Path == l.Path }) {
					libs = append(libs, l)
				}
			} else {
				configs = append(configs, l)
			}
		}
	}
	sortLeftovers(configs)
	sortLeftovers(libs)
	if sameLeftovers(known, append(slices.Clone(configs), libs...)) && len(search.unlisted)+len(problem)+len(knownDiags) == 0 {
		return nil, nil
	}
	damage := 0
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		if err := inventory.ReplaceLeftovers(tx, r.ID, inventory.LeftoverConfig, configs); err != nil {
			return err
		}
		if err := inventory.ReplaceLeftovers(tx, r.ID, inventory.LeftoverLibrary, libs); err != nil {
			return err
		}
		if _, err := r.putDamage(tx, store.SourceLeftovers, "/etc", search.diagnostics()); err != nil {
			return err
		}
		var diags []parse.Diagnostic
		if problem != "" {
			diags = append(diags, parse.Diagnosef(0, codeRegistryUnread, "could not be read whole (%s): which libraries are kept is not known", problem))
		}
		damage, err = r.putDamage(tx, store.SourceLeftovers, r.Settings.PreservedLibsFile(), diags)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", err)
	}
	return []ingest.SourceResult{{
		Kind: store.SourceLeftovers, Path: r.Settings.PreservedLibsFile(), Condition: store.ConditionRead, Damage: damage,
		Summary: fmt.Sprintf("%d config files, %d libraries", len(configs), len(libs)),
	}}, nil
}

// putDamage replaces all stored damage of a source that has no other bookmark. It
// returns the number of new pieces.
func (r reader) putDamage(tx *store.Tx, kind store.SourceKind, path string, diags []parse.Diagnostic) (int, error) {
	source := store.Source{Host: r.ID, Kind: kind, Path: path, ReadAt: r.Now}
	if err := tx.PutSource(&source); err != nil {
		return 0, err
	}
	return tx.ReplaceDiagnostics(source.ID, "", diags, r.Now)
}

func sortLeftovers(all []inventory.Leftover) {
	slices.SortFunc(all, func(a, b inventory.Leftover) int { return strings.Compare(a.Path, b.Path) })
}

// sameLeftovers reports whether the stored and the current leftovers are equal.
// Both are sorted.
func sameLeftovers(known, now []inventory.Leftover) bool {
	return slices.EqualFunc(known, now, func(a, b inventory.Leftover) bool {
		return a.Role == b.Role && a.Path == b.Path && a.Detail == b.Detail
	})
}

// protected returns the files and folders of CONFIG_PROTECT, without those below
// another one.
func (r reader) protected() []string {
	var all []string
	for _, p := range append([]string{"/etc"}, strings.Fields(r.Settings.Get("CONFIG_PROTECT"))...) {
		all = append(all, path.Clean("/"+p))
	}
	slices.Sort(all)
	return slices.CompactFunc(all, func(a, b string) bool { return a == b || strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/") })
}

// pendingSearch searches for configuration files to merge.
type pendingSearch struct {
	reader
	found    []inventory.Leftover
	folders  int      // number of folders searched
	unlisted []string // folders that could not be listed
	problem  string   // why the first of them could not be listed
}

// isUnlisted reports whether a folder, or one above it, could not be listed.
func (s *pendingSearch) isUnlisted(folder string) bool {
	return slices.ContainsFunc(s.unlisted, func(u string) bool { return folder == u || strings.HasPrefix(folder, u+"/") })
}

// recordUnlisted records an existing folder that cannot be listed.
func (s *pendingSearch) recordUnlisted(folder string, err error) {
	c, problem := ingest.Condition(err)
	if c != store.ConditionUnreadable {
		return
	}
	if s.unlisted = append(s.unlisted, folder); len(s.unlisted) == 1 {
		s.problem = problem
	}
}

// diagnostics returns one diagnostic for all unlisted folders, because on every
// system an ordinary user cannot read several folders of /etc.
func (s *pendingSearch) diagnostics() []parse.Diagnostic {
	switch n := len(s.unlisted); n {
	case 0:
		return nil
	case 1:
		return []parse.Diagnostic{parse.Diagnosef(0, codeConfigUnlisted, "%s: %s", s.unlisted[0], s.problem)}
	default:
		return []parse.Diagnostic{parse.Diagnosef(0, codeConfigUnlisted, "%s: %s, and %d more folders", s.unlisted[0], s.problem, n-1)}
	}
}

// protected finds the "._cfg" files of one protected file or folder.
func (s *pendingSearch) protected(ctx context.Context, protected string) error {
	e, err := s.Root.Stat(protected)
	if err != nil {
		s.recordUnlisted(protected, err)
		return nil
	}
	dirPath, only := protected, ""
	if e.Kind != hostfs.Directory {
		dirPath, only = path.Split(protected)
		dirPath = path.Clean(dirPath)
	}
	dir, err := s.Root.OpenDir(dirPath)
	if err != nil {
		s.recordUnlisted(dirPath, err)
		return nil
	}
	defer dir.Close()
	return s.folder(ctx, dir, dirPath, only, 0)
}

// folder searches one folder, and if only is "" also the folders below it. Like
// Portage, it skips hidden folders.
func (s *pendingSearch) folder(ctx context.Context, dir *hostfs.Dir, dirPath, only string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := dir.Entries()
	if err != nil {
		s.recordUnlisted(dirPath, err)
		return nil
	}
	for _, e := range entries {
		switch {
		case e.Kind == hostfs.Regular || e.Kind == hostfs.Symlink:
			if target, ok := pendingTarget(e.Name); ok && (only == "" || target == only) {
				s.found = append(s.found, inventory.Leftover{Role: inventory.LeftoverConfig, Path: path.Join(dirPath, e.Name), Since: e.MTimeNS / int64(time.Second)})
			}
		case e.Kind == hostfs.Directory && only == "" && !strings.HasPrefix(e.Name, ".") && depth < maxProtectedDepth && s.folders < maxProtectedFolders:
			s.folders++
			below := path.Join(dirPath, e.Name)
			sub, err := dir.OpenDir(e.Name)
			if err != nil {
				s.recordUnlisted(below, err)
				continue
			}
			err = s.folder(ctx, sub, below, "", depth+1)
			sub.Close()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// pendingTarget returns the file that "._cfg0000_name" is to replace. ok is false
// for other names, including backup files of editors.
func pendingTarget(name string) (string, bool) {
	const begins, number = "._cfg", 4
	if !strings.HasPrefix(name, begins) || len(name) < len(begins)+number+2 || name[len(begins)+number] != '_' {
		return "", false
	}
	target := name[len(begins)+number+1:]
	return target, !strings.HasSuffix(name, "~") && !strings.HasSuffix(strings.ToLower(name), ".bak")
}

// preservedLibs reads the registry of preserved libraries. problem says why an
// existing registry could not be read.
func (r reader) preservedLibs() (libs []inventory.Leftover, problem string) {
	data, err := r.Root.ReadFile(r.Settings.PreservedLibsFile(), maxPreservedRegistry)
	if err != nil {
		_, problem = ingest.Condition(err)
		return nil, problem
	}
	registry, diags := vdb.ParsePreservedLibs(data)
	if len(diags) > 0 {
		problem = diags[0].Message
	}
	for _, l := range registry {
		for _, p := range l.Paths {
			libs = append(libs, inventory.Leftover{Role: inventory.LeftoverLibrary, Path: path.Clean("/" + p), Detail: l.CPV, Since: r.Now})
		}
	}
	return libs, problem
}
