package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/userconf"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/config"
)

const (
	// maxConfigDepth stops folders of lists that nest endlessly.
	maxConfigDepth = 8
	// maxConfigFiles bounds the number of lists of one host. The Gentoo repository
	// with a deep profile has about 200.
	maxConfigFiles = 8192
	// maxCPUInfo is the largest accepted size of cpuinfo, in bytes: 4 KiB for each
	// of a thousand processors.
	maxCPUInfo = 4 << 20
	// codeConfigUnread means that an existing list could not be read.
	codeConfigUnread = "config-unread"
)

// savedCPUInfo is a copy of /proc/cpuinfo that an administrator can put into a root
// that is not the running system.
const savedCPUInfo = "/var/lib/emaudit/cpuinfo"

// configScan finds the lists of Portage's configuration.
type configScan struct {
	reader
	known map[config.Kind]map[string]config.File
	found []config.File // Content is nil if the stored one is still valid
	diags []parse.Diagnostic
	read  int64
	// listed counts the lists found. It counts a list again that is found again.
	listed int
	sets   []settings.PackageSet
	// lastRead is the time at which the lists were last stored, in unix seconds; 0
	// means never.
	lastRead int64
	// damaged reports that the last ingest stored damage.
	damaged bool
}

// Lists is the source of the lists of Portage's configuration.
func Lists(r *ingest.Reader) ingest.Source {
	return ingest.Source{Kind: store.SourceConfig, Path: r.Settings.UserConfigDir(), Read: reader{r}.userConfig}
}

// userConfig records the lists below /etc/portage, in the profile and in the
// repositories, the world file, and the features of the processor. From these the
// audit decides what Portage would refuse, without reading files.
func (r reader) userConfig(ctx context.Context) ([]ingest.SourceResult, error) {
	scan := configScan{reader: r, known: map[config.Kind]map[string]config.File{}}
	err := r.DB.View(ctx, func(tx *store.Tx) error {
		stamps, err := config.Stamps(tx, r.ID)
		for _, f := range stamps {
			if scan.known[f.Kind] == nil {
				scan.known[f.Kind] = map[string]config.File{}
			}
			scan.known[f.Kind][f.Path] = f
		}
		if err != nil {
			return err
		}
		damage, err := tx.Diagnostics(r.ID, store.SourceConfig)
		scan.damaged = len(damage) > 0
		if err != nil {
			return err
		}
		source, _, err := tx.FindSource(r.ID, store.SourceConfig, r.Settings.UserConfigDir())
		scan.lastRead = source.ReadAt
		return err
	})
	if err != nil {
		return nil, err
	}
	scan.collect()
	dir := r.Settings.UserConfigDir()
	result := ingest.SourceResult{Kind: store.SourceConfig, Path: dir, Condition: store.ConditionRead, Read: scan.read, Summary: fmt.Sprintf("%d lists", len(scan.found))}
	if !scan.dirty() {
		return []ingest.SourceResult{result}, nil
	}
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		source := store.Source{Host: r.ID, Kind: store.SourceConfig, Path: dir, Size: int64(len(scan.found)), ReadAt: r.Now}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
		n, err := tx.ReplaceDiagnostics(source.ID, "", scan.diags, r.Now)
		result.Damage += n
		if err != nil {
			return err
		}
		return scan.store(tx, &result)
	})
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", dir, err)
	}
	return []ingest.SourceResult{result}, nil
}

// collect finds all lists, weakest first: repositories, the profile with its
// parents, the administrator (_config/MaskManager.py).
func (s *configScan) collect() {
	for _, repo := range s.Settings.Repositories() {
		profiles := path.Join(repo.Location, "profiles")
		s.list(config.File{Kind: config.Layout, Path: path.Join(repo.Location, "metadata/layout.conf"), Layer: config.LayerRepository, Repo: repo.Name}, 0)
		for _, kind := range []config.Kind{config.Mask, config.Unmask, config.LicenseGroups, config.Categories} {
			s.list(config.File{Kind: kind, Path: path.Join(profiles, string(kind)), Layer: config.LayerRepository, Repo: repo.Name}, 0)
		}
	}
	user := s.Settings.UserConfigDir()
	for _, p := range s.Settings.Profiles() {
		layer := config.LayerProfile
		if p.User {
			layer = config.LayerUser
		}
		for _, kind := range []config.Kind{config.Mask, config.Unmask, config.AcceptKeywords, config.Keywords, config.Packages} {
			s.list(config.File{Kind: kind, Path: path.Join(p.Dir, string(kind)), Layer: config.LayerProfile}, 0)
		}
		if p.AllowsProvided() {
			s.list(config.File{Kind: config.Provided, Path: path.Join(p.Dir, string(config.Provided)), Layer: layer}, 0)
		}
	}
	for _, list := range []struct {
		name string
		kind config.Kind
	}{
		{"package.mask", config.Mask},
		{"package.unmask", config.Unmask},
		// The old name of the same list. package.accept_keywords has precedence.
		{"package.keywords", config.AcceptKeywords},
		{"package.accept_keywords", config.AcceptKeywords},
		{"package.license", config.License},
		{"package.properties", config.Properties},
		{"package.accept_restrict", config.Restrict},
		{"package.use", config.Use},
		{"package.env", config.Env},
		{"categories", config.Categories},
	} {
		s.list(config.File{Kind: list.kind, Path: path.Join(user, list.name), Layer: config.LayerUser}, 0)
	}
	s.list(config.File{Kind: config.World, Path: s.Settings.WorldFile(), Layer: config.LayerHost}, 0)
	s.list(config.File{Kind: config.WorldSets, Path: s.Settings.WorldSetsFile(), Layer: config.LayerHost}, 0)
	s.packageSets()
	s.cpuInfo()
}

// list adds a list, which is a file or a folder of files.
func (s *configScan) list(f config.File, depth int) {
	entry, err := s.Root.Stat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		s.keep(f, err)
		return
	case entry.Kind == hostfs.Directory:
		names, err := s.names(f.Path, depth)
		if err != nil {
			s.keep(f, err)
		}
		for _, name := range names {
			child := f
			child.Path = path.Join(f.Path, name)
			s.list(child, depth+1)
		}
		return
	case len(s.found) >= maxConfigFiles:
		s.unread(f.Path, fmt.Errorf("more than %d lists", maxConfigFiles))
		return
	}
	f.Position, f.Size, f.MTimeNS, f.Inode = s.listed, entry.Size, entry.MTimeNS, entry.Inode
	if k, ok := s.known[f.Kind][f.Path]; !ok || k.Size != f.Size || k.MTimeNS != f.MTimeNS || k.Inode != f.Inode {
		if f.Content, err = s.Root.ReadFile(f.Path, userconf.MaxFile); err != nil {
			s.keep(f, err)
			return
		}
		switch {
		case f.Content == nil:
			f.Content = []byte{}
		case f.Kind == config.Sets:
			f.Content = membersOnly(f.Content)
		}
		s.read++
	}
	s.listed++
	// Two paths can lead to a parent of the profile. The last one counts.
	s.found = slices.DeleteFunc(s.found, func(have config.File) bool { return have.Kind == f.Kind && have.Path == f.Path })
	s.found = append(s.found, f)
}

// names returns the names that Portage reads in a folder of files, sorted.
func (s *configScan) names(dirPath string, depth int) ([]string, error) {
	if depth >= maxConfigDepth {
		return nil, fmt.Errorf("more than %d folders deep", maxConfigDepth)
	}
	dir, err := s.Root.OpenDir(dirPath)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Names()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !userconf.ReadsName(name) })
	slices.Sort(names)
	return names, nil
}

// cpuInfo adds the features of the host's processor, from a saved copy, or from the
// kernel if the root is the running system. It omits lines that change with every
// reading.
func (s *configScan) cpuInfo() {
	places := []string{savedCPUInfo}
	if s.Root.IsSystem() {
		places = append(places, "/proc/cpuinfo")
	}
	for _, name := range places {
		b, err := s.Root.ReadFile(name, maxCPUInfo)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				s.keep(config.File{Kind: config.CPUInfo, Path: name}, err)
			}
			continue
		}
		content := firstProcessor(b)
		f := config.File{Kind: config.CPUInfo, Path: name, Layer: config.LayerHost, Position: s.listed, Size: int64(len(content)), Content: content}
		if k, ok := s.known[f.Kind][name]; ok && k.Size == f.Size {
			f.Content = nil
		}
		s.found = append(s.found, f)
		return
	}
}

// firstProcessor returns the lines of cpuinfo that identify the first processor and
// its features: "flags" of x86, "Features" of arm, and its name.
func firstProcessor(b []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(b) {
		if len(bytes.TrimSpace(line)) == 0 && len(kept) > 0 {
			break
		}
		key, _, _ := bytes.Cut(line, []byte(":"))
		switch string(bytes.TrimSpace(key)) {
		case "vendor_id", "model name", "flags", "Features", "CPU implementer", "CPU part":
			kept = append(kept, line...)
		}
	}
	return kept
}

// dirty reports whether anything must be stored. If not, no transaction is needed,
// which would block other processes.
func (s *configScan) dirty() bool {
	known := 0
	for _, files := range s.known {
		known += len(files)
	}
	if known != len(s.found) || s.lastRead == 0 || len(s.diags) > 0 || s.damaged {
		return true
	}
	return slices.ContainsFunc(s.found, func(f config.File) bool {
		return f.Content != nil || s.known[f.Kind][f.Path].Position != f.Position
	})
}

// unread reports an existing list that emaudit cannot read.
func (s *configScan) unread(name string, err error) {
	s.diags = append(s.diags, parse.Diagnosef(0, codeConfigUnread, "%s: %v", name, err))
}

// keep reports an existing list that emaudit cannot read. The stored facts about
// it, and about files below it, remain, because they are unknown, not gone.
func (s *configScan) keep(f config.File, err error) {
	s.unread(f.Path, err)
	for _, name := range slices.Sorted(maps.Keys(s.known[f.Kind])) {
		if name == f.Path || strings.HasPrefix(name, f.Path+"/") {
			kept := s.known[f.Kind][name]
			kept.Position, kept.Content = len(s.found), nil
			s.found = append(s.found, kept)
		}
	}
}

// store records the changes.
func (s *configScan) store(tx *store.Tx, result *ingest.SourceResult) error {
	there := map[config.Kind]map[string]bool{}
	for i := range s.found {
		f := &s.found[i]
		if there[f.Kind] == nil {
			there[f.Kind] = map[string]bool{}
		}
		there[f.Kind][f.Path] = true
		if f.Content == nil {
			if s.known[f.Kind][f.Path].Position == f.Position {
				continue
			}
			// Only its position has changed.
			stored, err := config.Files(tx, s.ID, f.Kind)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(stored, func(k config.File) bool { return k.Path == f.Path })
			if i < 0 {
				continue
			}
			f.Content = stored[i].Content
		}
		if err := config.PutFile(tx, s.ID, f); err != nil {
			return err
		}
		result.Changed = true
	}
	for kind, files := range s.known {
		for name := range files {
			if there[kind][name] {
				continue
			}
			if err := config.RemoveFile(tx, s.ID, kind, name); err != nil {
				return err
			}
			result.Changed = true
		}
	}
	if !result.Changed {
		return nil
	}
	return s.storeLines(tx)
}
