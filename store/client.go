package store

import (
	"fmt"
)

// Client is another host whose file of needs was read for a prune.
type Client struct {
	Name       string
	KnownUntil int64  // its last ingest of which a file told, in unix seconds
	ValidUntil int64  // until when its list is to be relied on
	Path       string // of the file
	SeenAt     int64  // when the file was last read
}

// PutClient inserts or updates a client. What was known of a later ingest stays.
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
