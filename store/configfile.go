package store

import (
	"database/sql"
	"fmt"

	"emaudit/parse"
)

// ConfigKind says what a list of Portage's configuration is about.
type ConfigKind string

// The lists that are kept. Those of one name below /etc/portage, in profiles
// and in repositories are of one kind.
const (
	ConfigMask           ConfigKind = "package.mask"
	ConfigUnmask         ConfigKind = "package.unmask"
	ConfigAcceptKeywords ConfigKind = "package.accept_keywords"
	ConfigKeywords       ConfigKind = "package.keywords"
	ConfigLicense        ConfigKind = "package.license"
	ConfigUse            ConfigKind = "package.use"
	ConfigProperties     ConfigKind = "package.properties"
	ConfigRestrict       ConfigKind = "package.accept_restrict"
	ConfigLicenseGroups  ConfigKind = "license_groups"
	ConfigUpdates        ConfigKind = "updates"
	ConfigWorld          ConfigKind = "world"
	ConfigWorldSets      ConfigKind = "world_sets"
	ConfigEnv            ConfigKind = "package.env"
	// ConfigPackages lists @system and @profile in a folder of the profile.
	ConfigPackages ConfigKind = "packages"
	ConfigProvided ConfigKind = "package.provided"
	// ConfigSetsConf defines sets of packages, ConfigSets lists the members of
	// one; of that only lines are kept that are members.
	ConfigSetsConf ConfigKind = "sets.conf"
	ConfigSets     ConfigKind = "sets"
	// ConfigLayout is metadata/layout.conf of a repository, which says whose
	// masks count for it too.
	ConfigLayout     ConfigKind = "layout.conf"
	ConfigCategories ConfigKind = "categories"
	// ConfigCPUInfo is /proc/cpuinfo of the machine, or a saved copy of it.
	ConfigCPUInfo ConfigKind = "cpuinfo"
)

// ConfigFile is one list as it was last read.
type ConfigFile struct {
	Kind     ConfigKind
	Path     string // inside the root
	Layer    string // repository, profile, user, host
	Repo     string // the repository it belongs to; "" = none
	Position int    // order in which Portage reads the files of a kind, weakest first
	Size     int64
	MTimeNS  int64
	Inode    uint64
	Content  []byte // nil from [Tx.ConfigStamps]
}

// ConfigFiles returns the lists of a host of the given kinds, or of all where
// none is given, by kind and the order in which Portage reads them.
func (tx *Tx) ConfigFiles(host HostID, kinds ...ConfigKind) ([]ConfigFile, error) {
	return tx.configFiles("content", host, kinds)
}

// ConfigStamps is [Tx.ConfigFiles] of all kinds without the content.
func (tx *Tx) ConfigStamps(host HostID) ([]ConfigFile, error) {
	return tx.configFiles("NULL", host, nil)
}

func (tx *Tx) configFiles(content string, host HostID, kinds []ConfigKind) ([]ConfigFile, error) {
	where, args := "", []any{host}
	for i, k := range kinds {
		if i == 0 {
			where = " AND kind IN (?"
		} else {
			where += ", ?"
		}
		args = append(args, string(k))
	}
	if len(kinds) > 0 {
		where += ")"
	}
	var all []ConfigFile
	err := tx.query(func(rows *sql.Rows) error {
		var f ConfigFile
		var inode int64
		err := rows.Scan(&f.Kind, &f.Path, &f.Layer, &f.Repo, &f.Position, &f.Size, &f.MTimeNS, &inode, &f.Content)
		f.Inode = uint64(inode)
		all = append(all, f)
		return err
	}, "SELECT kind, path, layer, repo, position, size, mtime_ns, inode, "+content+" FROM config_file WHERE host = ?"+where+" ORDER BY kind, position, path", args...)
	return all, err
}

// PutConfigFile enters or renews a list.
func (tx *Tx) PutConfigFile(host HostID, f *ConfigFile) error {
	// The bytes of a list are text, of which the rest of the store keeps no
	// credentials either.
	content := []byte(parse.WithoutCredentials(string(f.Content)))
	_, err := tx.exec(`INSERT INTO config_file (host, kind, path, layer, repo, position, size, mtime_ns, inode, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, kind, path) DO UPDATE SET layer = excluded.layer, repo = excluded.repo, position = excluded.position,
			size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, content = excluded.content`,
		host, string(f.Kind), f.Path, f.Layer, f.Repo, f.Position, f.Size, f.MTimeNS, int64(f.Inode), content)
	if err != nil {
		return fmt.Errorf("configuration %s: %w", f.Path, err)
	}
	return nil
}

// RemoveConfigFile forgets a list that is gone: it steers Portage no longer.
func (tx *Tx) RemoveConfigFile(host HostID, kind ConfigKind, path string) error {
	_, err := tx.exec("DELETE FROM config_file WHERE host = ? AND kind = ? AND path = ?", host, string(kind), path)
	return err
}

// SourceConfig is the kind of the source whose diagnostics are about the lists
// of Portage's configuration: the folder /etc/portage stands for all of them.
const SourceConfig SourceKind = "config"
