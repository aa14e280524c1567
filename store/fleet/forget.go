package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"emaudit/store"
	"emaudit/store/postgres"
)

// ErrNoHost means that the fleet has no such host, or that the role may not see it.
var ErrNoHost = errors.New("the fleet has no such host for this role")

// Forget removes hosts from a fleet, with all that is known of them: all of them or
// none. The role that pushed a host can remove it, and so can the owner of the database.
// The words that a host used stay in the dictionaries: to see that none is in use,
// PostgreSQL would read all rows of all hosts for each of them.
func Forget(ctx context.Context, to postgres.Address, names []string) error {
	conn, err := pgx.ConnectConfig(ctx, to.Config)
	if err != nil {
		return store.About(to.String(), err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return store.About(to.String(), pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var version int
		if err := tx.QueryRow(ctx, "SELECT version FROM fleet").Scan(&version); err != nil {
			return err
		}
		if err := store.CheckFleetVersion(version); err != nil {
			return err
		}
		for _, name := range names {
			if err := forget(ctx, tx, name); err != nil {
				return err
			}
		}
		return nil
	}))
}

func forget(ctx context.Context, tx pgx.Tx, name string) error {
	var host int64
	err := tx.QueryRow(ctx, "SELECT id FROM host WHERE name = $1 FOR UPDATE", name).Scan(&host)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w: %s", ErrNoHost, name)
	}
	if err != nil {
		return err
	}
	for _, t := range slices.Backward(store.Schema().Tables) {
		if store.Schema().OfHost(t) == "" {
			continue // a dictionary, or the table of hosts
		}
		// The first id that a row holds is of its own host.
		i := slices.IndexFunc(t.Columns, func(c postgres.Column) bool { return c.References != "" })
		statement, args := "DELETE FROM "+t.Name+" WHERE "+t.Columns[i].Name, []any{host}
		if t.Columns[i].References == "host" {
			statement += " = $1"
		} else {
			statement += " >= $1 AND " + t.Columns[i].Name + " < $2"
			args = []any{host << postgres.HostBits, (host + 1) << postgres.HostBits}
		}
		if _, err := tx.Exec(ctx, statement, args...); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	for _, statement := range []string{"DELETE FROM pushed WHERE host = $1", "DELETE FROM host WHERE id = $1"} {
		if _, err := tx.Exec(ctx, statement, host); err != nil {
			return err
		}
	}
	return nil
}
