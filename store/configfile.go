package store

import (
	"database/sql"
	"fmt"

	"emaudit/parse"
)

// ConfigKind is the kind of a list in Portage's configuration.
type ConfigKind string

// The stored lists. Lists of the same name below /etc/portage, in profiles and in
// repositories have the same kind.
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
	ConfigWorld          ConfigKind = "world"
	ConfigWorldSets      ConfigKind = "world_sets"
	ConfigEnv            ConfigKind = "package.env"
	// ConfigPackages lists @system and @profile in a folder of the profile.
	ConfigPackages ConfigKind = "packages"
	ConfigProvided ConfigKind = "package.provided"
	// ConfigSetsConf defines package sets. ConfigSets lists the members of one;
	// only lines that are members are stored.
	ConfigSetsConf ConfigKind = "sets.conf"
	ConfigSets     ConfigKind = "sets"
	// ConfigLayout is metadata/layout.conf of a repository, which names the
	// repositories whose masks it inherits.
	ConfigLayout     ConfigKind = "layout.conf"
	ConfigCategories ConfigKind = "categories"
	// ConfigCPUInfo is /proc/cpuinfo of the machine, or a saved copy of it.
	ConfigCPUInfo ConfigKind = "cpuinfo"
)

// The layers of configuration, weakest first.
const (
	LayerRepository = "repository"
	LayerProfile    = "profile"
	LayerUser       = "user" // below /etc/portage
	LayerHost       = "host" // what emerge and the machine say: the world file, the processor
)

// ConfigFile is one list as it was last read.
type ConfigFile struct {
	Kind     ConfigKind
	Path     string // inside the root
	Layer    string // [LayerRepository] and its like
	Repo     string // the repository that it belongs to; "" means none
	Position int    // order in which Portage reads the files of a kind, weakest first
	Size     int64
	MTimeNS  int64
	Inode    uint64
	Content  []byte // nil if read by [Tx.ConfigStamps]
}

// ConfigFiles returns the lists of a host of the given kinds, or of all kinds if
// none is given. They are sorted by kind and by the order in which Portage reads
// them.
func (tx *Tx) ConfigFiles(host HostID, kinds ...ConfigKind) ([]ConfigFile, error) {
	return tx.configFiles("content", host, kinds)
}

// ConfigStamps is like [Tx.ConfigFiles] for all kinds, without the content.
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
	err := tx.Query(func(rows *sql.Rows) error {
		var f ConfigFile
		var inode int64
		err := rows.Scan(&f.Kind, &f.Path, &f.Layer, &f.Repo, &f.Position, &f.Size, &f.MTimeNS, &inode, &f.Content)
		f.Inode = uint64(inode)
		all = append(all, f)
		return err
	}, "SELECT kind, path, layer, repo, position, size, mtime_ns, inode, "+content+" FROM config_file WHERE host = ?"+where+" ORDER BY kind, position, path", args...)
	return all, err
}

// PutConfigFile inserts or updates a list.
func (tx *Tx) PutConfigFile(host HostID, f *ConfigFile) error {
	// Lists may hold URLs with credentials, which the store never keeps.
	content := []byte(parse.WithoutCredentials(string(f.Content)))
	_, err := tx.Exec(`INSERT INTO config_file (host, kind, path, layer, repo, position, size, mtime_ns, inode, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, kind, path) DO UPDATE SET layer = excluded.layer, repo = excluded.repo, position = excluded.position,
			size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, content = excluded.content`,
		host, string(f.Kind), f.Path, f.Layer, f.Repo, f.Position, f.Size, f.MTimeNS, int64(f.Inode), content)
	if err != nil {
		return fmt.Errorf("configuration %s: %w", f.Path, err)
	}
	return nil
}

// RemoveConfigFile deletes a list that no longer exists.
func (tx *Tx) RemoveConfigFile(host HostID, kind ConfigKind, path string) error {
	_, err := tx.Exec("DELETE FROM config_file WHERE host = ? AND kind = ? AND path = ?", host, string(kind), path)
	return err
}
