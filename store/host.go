package store

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
)

// HostID identifies a host in this database.
type HostID int64

// Host is one Gentoo root.
type Host struct {
	ID   HostID
	Name string
	Root string // absolute path of the root at the last ingest
	// Identity has 32 hex digits, which the first ingest of the host drew. It is the
	// same in every database that has the host, also under another name.
	Identity  string
	CreatedAt int64 // time of the first ingest, in unix seconds
}

const hostColumns = "id, name, root, identity, created_at"

func scanHost(scan func(...any) error) (h Host, err error) {
	err = scan(&h.ID, &h.Name, &h.Root, &h.Identity, &h.CreatedAt)
	return h, err
}

// hostName is the grammar of host names: a hostname or the name of a folder,
// optionally followed by "@" and the path of a root.
var hostName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*(@(/|(/[A-Za-z0-9_+][A-Za-z0-9._+-]*)+))?$`)
})

var (
	// ErrHostName means that a text is not a valid host name.
	ErrHostName = errors.New("not the name of a host")
	// ErrOtherHost means that the name belongs to another host of the database.
	ErrOtherHost = errors.New("this database has another host of that name")
)

// maxHostName is the largest length of a host name, in bytes.
const maxHostName = 255

// CheckHostName returns an error unless name is a valid host name. "all" is
// invalid, because it means every host.
func CheckHostName(name string) error {
	switch {
	case name == "all":
		return fmt.Errorf(`%w: "all" stands for every host`, ErrHostName)
	case len(name) > maxHostName || !hostName().MatchString(name):
		return fmt.Errorf("%w: %.100q is not up to %d of the letters A-Z a-z, digits and ._+-, beginning with a letter or a digit; behind @ a path may follow", ErrHostName, name, maxHostName)
	}
	return nil
}

// HostName turns any text into a host name. It replaces invalid characters by "_".
func HostName(text string) string {
	name := strings.TrimLeft(strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._+-", r)) {
			return r
		}
		return '_'
	}, text), ".+-")
	name = name[:min(len(name), maxHostName)]
	if name == "" || name == "all" {
		return name + "_"
	}
	return name
}

// EnsureHost returns the host of that name. It inserts a new host. A host whose
// root has moved keeps its history.
func (tx *Tx) EnsureHost(name, root string, now int64) (HostID, error) {
	var id HostID
	var known string
	missing, err := NoRow(tx.QueryRow("SELECT id, root FROM host WHERE name = ?", name).Scan(&id, &known))
	if err != nil {
		return 0, fmt.Errorf("host %s: %w", name, err)
	}
	if missing {
		if err := CheckHostName(name); err != nil {
			return 0, err
		}
		return tx.AddHost(Host{Name: name, Root: root, Identity: newIdentity(), CreatedAt: now})
	}
	if known != root {
		_, err = tx.Exec("UPDATE host SET root = ? WHERE id = ?", root, id)
	}
	return id, err
}

// newIdentity draws the identity of a new host. Its name and the time of its first
// ingest do not identify a host: machines that were made of one image share both.
func newIdentity() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// AddHost inserts a host and returns its id.
func (tx *Tx) AddHost(h Host) (HostID, error) {
	id, err := tx.Insert("INSERT INTO host (name, root, identity, created_at) VALUES (?, ?, ?, ?)", h.Name, h.Root, h.Identity, h.CreatedAt)
	return HostID(id), err
}

// FindHost returns the host of that name. ok is false if there is none.
func (tx *Tx) FindHost(name string) (host Host, ok bool, err error) {
	return tx.findHost("name", name)
}

// FindIdentity returns the host of that identity. ok is false if there is none.
func (tx *Tx) FindIdentity(identity string) (host Host, ok bool, err error) {
	return tx.findHost("identity", identity)
}

func (tx *Tx) findHost(column, value string) (host Host, ok bool, err error) {
	host, err = scanHost(tx.QueryRow("SELECT "+hostColumns+" FROM host WHERE "+column+" = ?", value).Scan)
	missing, err := NoRow(err)
	return host, err == nil && !missing, err
}

// RenameHost gives a host another name. Its history stays.
func (tx *Tx) RenameHost(host HostID, name string) error {
	if err := CheckHostName(name); err != nil {
		return err
	}
	switch _, taken, err := tx.FindHost(name); {
	case err != nil:
		return err
	case taken:
		return fmt.Errorf("%w: %s", ErrOtherHost, name)
	}
	_, err := tx.Exec("UPDATE host SET name = ? WHERE id = ?", name, host)
	return err
}

// Host returns the host of an id.
func (tx *Tx) Host(id HostID) (Host, error) {
	h, err := scanHost(tx.QueryRow("SELECT "+hostColumns+" FROM host WHERE id = ?", id).Scan)
	if err != nil {
		err = fmt.Errorf("host %d: %w", id, err)
	}
	return h, err
}

// Hosts returns all hosts, by name.
func (tx *Tx) Hosts() ([]Host, error) {
	var hosts []Host
	err := tx.Query(func(rows *sql.Rows) error {
		h, err := scanHost(rows.Scan)
		hosts = append(hosts, h)
		return err
	}, "SELECT "+hostColumns+" FROM host ORDER BY name")
	return hosts, err
}

// KnownUntil returns the time of the last ingest of a host in unix seconds; 0 means
// that nothing was read.
func (tx *Tx) KnownUntil(host HostID) (at int64, err error) {
	err = tx.QueryRow(`SELECT max(at) FROM (
		SELECT coalesce(max(read_at), 0) AS at FROM source WHERE host = ?
		UNION ALL SELECT coalesce(max(confirmed_at), 0) FROM snapshot WHERE host = ?) AS times`, host, host).Scan(&at)
	return at, err
}

// elsewhere begins the root of a host from another database. Such a root is not a
// path on this machine, so nothing is ever ingested for it.
const elsewhere = "elsewhere:"

// ElsewhereRoot returns the root of a host for a database of another machine.
func ElsewhereRoot(root string) string {
	return elsewhere + strings.TrimPrefix(root, elsewhere)
}

// Elsewhere reports whether a host comes from the database of another machine, so
// that its files cannot be read here.
func (h Host) Elsewhere() bool { return strings.HasPrefix(h.Root, elsewhere) }

// RootElsewhere returns the root of a host on the machine that it came from.
func (h Host) RootElsewhere() string { return path.Clean(strings.TrimPrefix(h.Root, elsewhere)) }

// Pin is a named time. A rollback to the state at that time must remain possible.
type Pin struct {
	Name      string
	At        int64 // the pinned time, in unix seconds
	Run       int64 // the pin means the state before this run; 0 means the state at the time At
	CreatedAt int64 // unix seconds
	Note      string
}

// PutPin inserts a pin, or replaces the pin of the same name.
func (tx *Tx) PutPin(host HostID, p Pin) error {
	_, err := tx.Exec(`INSERT INTO pin (host, name, state_at, run, created_at, note) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, name) DO UPDATE SET state_at = excluded.state_at, run = excluded.run, created_at = excluded.created_at, note = excluded.note`,
		host, p.Name, p.At, p.Run, p.CreatedAt, p.Note)
	if err != nil {
		return fmt.Errorf("pin %s: %w", p.Name, err)
	}
	return nil
}

// RemovePin deletes a pin. ok is false if there is none of that name.
func (tx *Tx) RemovePin(host HostID, name string) (ok bool, err error) {
	res, err := tx.Exec("DELETE FROM pin WHERE host = ? AND name = ?", host, name)
	if err != nil {
		return false, fmt.Errorf("pin %s: %w", name, err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// Pins returns the pins of a host, by their time.
func (tx *Tx) Pins(host HostID) ([]Pin, error) {
	return All(tx, func(p *Pin) []any { return []any{&p.Name, &p.At, &p.Run, &p.CreatedAt, &p.Note} },
		"SELECT name, state_at, run, created_at, note FROM pin WHERE host = ? ORDER BY state_at, name", host)
}

// Client is another host whose file of needs was read for a prune.
type Client struct {
	Name       string
	KnownUntil int64  // its last ingest, as its file says, in unix seconds
	ValidUntil int64  // when its list becomes invalid, in unix seconds
	Path       string // of the file
	SeenAt     int64  // when the file was last read
}

// PutClient inserts or updates a client. It does nothing if the stored client had a
// later ingest.
func (tx *Tx) PutClient(host HostID, c Client) error {
	_, err := tx.Exec(`INSERT INTO client (host, name, known_until, valid_until, path, seen_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, name) DO UPDATE SET known_until = excluded.known_until, valid_until = excluded.valid_until, path = excluded.path, seen_at = excluded.seen_at
		WHERE excluded.known_until >= client.known_until`,
		host, c.Name, c.KnownUntil, c.ValidUntil, c.Path, c.SeenAt)
	if err != nil {
		return fmt.Errorf("client %s: %w", c.Name, err)
	}
	return nil
}

// RemoveClient deletes a client of all hosts. ok is false if no client has the name.
func (tx *Tx) RemoveClient(name string) (ok bool, err error) {
	res, err := tx.Exec("DELETE FROM client WHERE name = ?", name)
	if err != nil {
		return false, fmt.Errorf("client %s: %w", name, err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// Clients returns the clients of a host, by name.
func (tx *Tx) Clients(host HostID) ([]Client, error) {
	return All(tx, func(c *Client) []any { return []any{&c.Name, &c.KnownUntil, &c.ValidUntil, &c.Path, &c.SeenAt} },
		"SELECT name, known_until, valid_until, path, seen_at FROM client WHERE host = ? ORDER BY name", host)
}
