// Package config stores the configuration of Portage: settings, the lists of
// /etc/portage, of profiles and of repositories, package sets, and package moves.
package config

import (
	"database/sql"
	"fmt"
	"strings"

	"emaudit/parse"
	"emaudit/store"
)

// Kind is the kind of a list in Portage's configuration.
type Kind string

// The stored lists. Lists of the same name below /etc/portage, in profiles and in
// repositories have the same kind.
const (
	Mask           Kind = "package.mask"
	Unmask         Kind = "package.unmask"
	AcceptKeywords Kind = "package.accept_keywords"
	Keywords       Kind = "package.keywords"
	License        Kind = "package.license"
	Use            Kind = "package.use"
	Properties     Kind = "package.properties"
	Restrict       Kind = "package.accept_restrict"
	LicenseGroups  Kind = "license_groups"
	World          Kind = "world"
	WorldSets      Kind = "world_sets"
	Env            Kind = "package.env"
	// Packages lists @system and @profile in a folder of the profile.
	Packages Kind = "packages"
	Provided Kind = "package.provided"
	// SetsConf defines package sets. Sets lists the members of one;
	// only lines that are members are stored.
	SetsConf Kind = "sets.conf"
	Sets     Kind = "sets"
	// Layout is metadata/layout.conf of a repository, which names the
	// repositories whose masks it inherits.
	Layout     Kind = "layout.conf"
	Categories Kind = "categories"
	// CPUInfo is /proc/cpuinfo of the machine, or a saved copy of it.
	CPUInfo Kind = "cpuinfo"
)

// The layers of configuration, weakest first.
const (
	LayerRepository = "repository"
	LayerProfile    = "profile"
	LayerUser       = "user" // below /etc/portage
	LayerHost       = "host" // what emerge and the machine say: the world file, the processor
)

// File is one list as it was last read.
type File struct {
	Kind     Kind
	Path     string // inside the root
	Layer    string // [LayerRepository] and its like
	Repo     string // the repository that it belongs to; "" means none
	Position int    // order in which Portage reads the files of a kind, weakest first
	Size     int64
	MTimeNS  int64
	Inode    uint64
	Content  []byte // nil if read by [Stamps]
}

// Files returns the lists of a host of the given kinds. They are sorted by kind and by
// the order in which Portage reads them.
func Files(tx *store.Tx, host store.HostID, kinds ...Kind) ([]File, error) {
	in, args := anyOf(kinds)
	return files(tx, "content", " AND kind IN "+in, append([]any{host}, args...)...)
}

// Stamps is like [Files] for all kinds, without the content.
func Stamps(tx *store.Tx, host store.HostID) ([]File, error) {
	return files(tx, "NULL", "", host)
}

func files(tx *store.Tx, content, where string, args ...any) ([]File, error) {
	var all []File
	err := tx.Query(func(rows *sql.Rows) error {
		var f File
		var inode int64
		err := rows.Scan(&f.Kind, &f.Path, &f.Layer, &f.Repo, &f.Position, &f.Size, &f.MTimeNS, &inode, &f.Content)
		f.Inode = uint64(inode)
		all = append(all, f)
		return err
	}, "SELECT kind, path, layer, repo, position, size, mtime_ns, inode, "+content+" FROM config_file WHERE host = ?"+where+" ORDER BY kind, position, path", args...)
	return all, err
}

// anyOf returns kinds as the operand of IN in SQL, with its arguments.
func anyOf(kinds []Kind) (in string, args []any) {
	for _, k := range kinds {
		args = append(args, string(k))
	}
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", len(kinds)), ", ") + ")", args
}

// PutFile inserts or updates a list.
func PutFile(tx *store.Tx, host store.HostID, f *File) error {
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

// RemoveFile deletes a list that no longer exists.
func RemoveFile(tx *store.Tx, host store.HostID, kind Kind, path string) error {
	_, err := tx.Exec("DELETE FROM config_file WHERE host = ? AND kind = ? AND path = ?", host, string(kind), path)
	return err
}
