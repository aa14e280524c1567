// Package fleet sends the facts of a host to the database of its fleet.
//
// A push makes the rows of a host in the fleet equal to those in its own database, in
// one transaction of PostgreSQL. Rows are compared in parts: the fleet keeps a digest
// of each part of a table, and a part with another digest is sent whole. So a push
// need not remember the one before. If that one failed, the next push sends what is
// missing.
//
// If the fleet counts more pushes of a host than the host does, the host was restored
// from a backup or is a copy of another machine. Its push would delete newer rows of the
// fleet, so it is refused unless the administrator asks for it.
package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"emaudit/store"
	"emaudit/store/postgres"
)

// The errors of a push that the administrator decides about.
var (
	// ErrKnowsMore means that the fleet has a later state of the host.
	ErrKnowsMore = errors.New("the fleet has a later state of this host than its own database")
	// ErrOtherHost means that the fleet has another host of that name.
	ErrOtherHost = errors.New("the fleet has another host of that name")
	// ErrOtherRole means that another role pushed it. It is an [ErrOtherHost], too.
	ErrOtherRole = fmt.Errorf("%w, which another role pushed", ErrOtherHost)
)

// Options are the parameters of [Push].
type Options struct {
	Name    string // of the host in the fleet; "" means its name in this database
	Replace bool   // the fleet may lose what this database does not have
	Now     int64  // unix seconds, to compare the clocks
}

// Pushed is what a push did.
type Pushed struct {
	Name      string // in the fleet
	Rows      int64  // sent
	Removed   int64  // rows that the fleet had and this database does not have, or not like that
	ClockSkew int64  // seconds by which the clock of the server is ahead
}

// Push sends a host of a database to a fleet: what changed since the last push.
func Push(ctx context.Context, db *store.DB, host store.HostID, to postgres.Address, options Options) (Pushed, error) {
	conn, err := pgx.ConnectConfig(ctx, to.Config)
	if err != nil {
		return Pushed{}, store.About(to.String(), err)
	}
	// The server ends the transaction of a connection that ends.
	defer conn.Close(context.WithoutCancel(ctx))
	p := pusher{ctx: ctx, db: db, fleet: to.String(), local: int64(host)}
	err = p.transact(conn, options)
	if errors.Is(err, ErrOtherHost) {
		// Another push may have entered the host meanwhile.
		err = p.transact(conn, options)
	}
	if err == nil && p.done.Rows >= manyRows {
		_, err = conn.Exec(ctx, "SELECT collect_statistics()")
		err = store.About(p.fleet, err)
	}
	return p.done, err
}

// manyRows is how many rows a push sends before the fleet counts its tables anew.
const manyRows = 5000

// transact pushes in one transaction.
func (p *pusher) transact(conn *pgx.Conn, options Options) error {
	return p.db.View(p.ctx, func(tx *store.Tx) (err error) {
		p.from, p.done, p.digests = tx, Pushed{}, map[string]map[int64][]byte{}
		p.marks, p.batch, p.queued = map[string][]byte{}, &pgx.Batch{}, nil
		if p.to, err = conn.Begin(p.ctx); err != nil {
			return p.at(err)
		}
		if err := p.push(options); err != nil {
			return errors.Join(err, p.at(p.to.Rollback(p.ctx)))
		}
		return p.at(p.to.Commit(p.ctx))
	})
}

// pusher sends one host.
type pusher struct {
	ctx     context.Context
	db      *store.DB
	from    *store.Tx                   // of the host's database
	to      pgx.Tx                      // of the fleet
	fleet   string                      // its address
	local   int64                       // number of the host in its database
	remote  int64                       // number of the host in the fleet
	several bool                        // the database has other hosts
	marks   map[string][]byte           // of the tables here
	digests map[string]map[int64][]byte // of the parts in the fleet
	batch   *pgx.Batch                  // what is sent at the end, in one round trip
	queued  []queuedStatement
	done    Pushed
}

// at wraps an error of the fleet.
func (p *pusher) at(err error) error {
	if err != nil && store.IsOfDatabase(err) {
		return store.About(p.fleet, err)
	}
	return err
}

func (p *pusher) push(options Options) error {
	if err := p.checkFleet(options); err != nil {
		return err
	}
	pushes, err := p.enter(options)
	if err != nil {
		return err
	}
	if err := p.readDigests(); err != nil {
		return err
	}
	sent := false
	for _, t := range store.Schema().Tables {
		if t.Name == "host" {
			continue
		}
		changed, err := p.table(t)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		sent = sent || changed
	}
	if !sent {
		return nil
	}
	if err := p.flush(); err != nil {
		return err
	}
	// The number is stored here before the fleet has it: a push that is killed between
	// the two leaves a host that is ahead, which is right.
	err = p.db.Update(p.ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE host SET pushes = ? WHERE id = ?", pushes+1, p.local)
		return err
	})
	if err != nil {
		return err
	}
	_, err = p.to.Exec(p.ctx, "UPDATE host SET pushes = $1, pushed_at = extract(epoch FROM now())::bigint WHERE id = $2", pushes+1, p.remote)
	return p.at(err)
}

// checkFleet compares the schemas and the clocks.
func (p *pusher) checkFleet(options Options) error {
	var version int
	var now int64
	err := p.to.QueryRow(p.ctx, "SELECT version, extract(epoch FROM now())::bigint FROM fleet").Scan(&version, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		err = store.ErrNoFleet
	}
	if err != nil {
		return store.About(p.fleet, err)
	}
	p.done.ClockSkew = now - options.Now
	return store.About(p.fleet, store.CheckFleetVersion(version))
}

// enter finds the host in the fleet, or enters it. It locks its row, so that two
// pushes of a host follow each other.
func (p *pusher) enter(options Options) (pushes int64, err error) {
	var name, root, identity string
	var createdAt, hosts int64
	if err := p.from.QueryRow("SELECT name, root, identity, created_at, pushes, (SELECT count(*) FROM host) FROM host WHERE id = ?", p.local).Scan(&name, &root, &identity, &createdAt, &pushes, &hosts); err != nil {
		return 0, err
	}
	p.several = hosts > 1
	root = store.ElsewhereRoot(root)
	if options.Name != "" {
		name = options.Name
	}
	p.done.Name = name
	var there string
	var known int64
	err = p.to.QueryRow(p.ctx, "SELECT id, identity, pushes FROM host WHERE identity = $1 OR name = $2 ORDER BY identity = $1 DESC LIMIT 1 FOR UPDATE", identity, name).Scan(&p.remote, &there, &known)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = p.to.QueryRow(p.ctx, "INSERT INTO host (name, root, identity, created_at) VALUES ($1, $2, $3, $4) RETURNING id", name, root, identity, createdAt).Scan(&p.remote)
		return pushes, p.named(name, err)
	case err != nil:
		return 0, p.at(err)
	case there != identity && !options.Replace:
		return 0, store.About(p.fleet, fmt.Errorf("%w: %s", ErrOtherHost, name))
	case known > pushes && !options.Replace:
		return 0, store.About(p.fleet, fmt.Errorf("%w: %s was pushed %d times, and this database knows of %d", ErrKnowsMore, name, known, pushes))
	}
	_, err = p.to.Exec(p.ctx, `UPDATE host SET name = $2, root = $3, identity = $4, created_at = $5
		WHERE id = $1 AND (name, root, identity, created_at) IS DISTINCT FROM ($2, $3, $4, $5)`, p.remote, name, root, identity, createdAt)
	return max(pushes, known), p.named(name, err)
}

// named returns the error of a statement that gives a host its name. The name may be
// that of a host that the role does not see.
func (p *pusher) named(name string, err error) error {
	var of *pgconn.PgError
	if errors.As(err, &of) && of.Code == "23505" { // unique_violation
		return store.About(p.fleet, fmt.Errorf("%w: %s", ErrOtherRole, name))
	}
	return p.at(err)
}
