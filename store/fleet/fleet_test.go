package fleet_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hosttest"
	"emaudit/internal/postgrestest"
	"emaudit/store"
	"emaudit/store/fleet"
	"emaudit/store/postgres"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// making keeps two fleets from making the same roles: they belong to all databases of
// the server.
var making sync.Mutex

// newFleet returns the address of a new fleet, for its owner.
func newFleet(t testing.TB) string {
	t.Helper()
	database := postgrestest.Database(t)
	making.Lock()
	defer making.Unlock()
	postgrestest.Exec(t, database, store.FleetSchema())
	return database
}

// roles counts the roles.
var roles atomic.Int64

// role makes a role of the fleet and returns its address.
func role(t testing.TB, database, group string) string {
	t.Helper()
	name := fmt.Sprintf("role%d", roles.Add(1))
	grant := ""
	if group != "" {
		grant = " IN ROLE " + group
	}
	postgrestest.Exec(t, database, "CREATE ROLE "+name+" LOGIN"+grant)
	return postgrestest.As(database, name)
}

// push pushes a host.
func push(h *hosttest.Host, address string, options fleet.Options) (fleet.Pushed, error) {
	to, err := postgres.ParseAddress(address)
	if err != nil {
		return fleet.Pushed{}, err
	}
	options.Now = hosttest.Now
	return fleet.Push(context.Background(), h.DB, h.ID, to, options)
}

// mustPush pushes a host, which must succeed.
func mustPush(t testing.TB, h *hosttest.Host, address string) fleet.Pushed {
	t.Helper()
	pushed, err := push(h, address, fleet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return pushed
}

// facts are the rows of a host by table, as text, sorted, with the ids of its own
// database.
type facts map[string][]string

// factsOf reads the facts of the host with that name.
func factsOf(t testing.TB, db *store.DB, name string) facts {
	t.Helper()
	all := facts{}
	err := db.View(context.Background(), func(tx *store.Tx) error {
		host, ok, err := tx.FindHost(name)
		if err != nil || !ok {
			return fmt.Errorf("host %s: %t, %w", name, ok, err)
		}
		for _, table := range store.Schema().Tables {
			if table.Name == "host" {
				continue
			}
			var columns []string
			where, args := "1 = 1", []any(nil)
			for _, c := range table.Columns {
				columns = append(columns, c.Name)
				if c.References == "host" {
					where, args = "host = ?", []any{int64(host.ID)}
				}
			}
			rows := []string{}
			err := tx.RawQuery(func(row []driver.Value) error {
				var b bytes.Buffer
				for i, value := range row {
					n, isID := value.(int64)
					switch of := table.Columns[i].References; {
					case of == "host":
						value = "host"
					case of != "" && isID:
						value = store.LocalID(n)
					}
					fmt.Fprintf(&b, "%s=%q ", columns[i], fmt.Sprint(value))
				}
				rows = append(rows, b.String())
				return nil
			}, "SELECT "+strings.Join(columns, ", ")+" FROM "+table.Name+" WHERE "+where, args...)
			if err != nil {
				return fmt.Errorf("%s: %w", table.Name, err)
			}
			slices.Sort(rows)
			all[table.Name] = rows
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fleetFacts reads the facts of a host from a fleet that has no other one.
func fleetFacts(t testing.TB, address, name string) facts {
	t.Helper()
	db, err := store.OpenFleet(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return factsOf(t, db, name)
}

// mustEqual compares a fleet, as an address sees it, with a host.
func mustEqual(t testing.TB, h *hosttest.Host, address string) {
	t.Helper()
	if diff := cmp.Diff(factsOf(t, h.DB, "test"), fleetFacts(t, address, "test")); diff != "" {
		t.Errorf("the fleet has other facts than the host (-host +fleet):\n%s", diff)
	}
}
