package main

import (
	"fmt"
	"strings"
	"testing"

	"emaudit/store"
)

// TestARemedyIsForTheDatabaseThatIsMeant: to move the own database away because
// another machine's is damaged would lose a history.
func TestARemedyIsForTheDatabaseThatIsMeant(t *testing.T) {
	t.Parallel()
	for _, kind := range []error{store.ErrDamaged, store.ErrSchema, store.ErrNewer, store.ErrOlder, store.ErrHostName} {
		own := hintFor(fmt.Errorf("audit: %w", &store.DatabaseError{Path: "own.db", Err: kind}), "own.db")
		other := hintFor(fmt.Errorf("merge: %w", &store.DatabaseError{Path: "other.db", Err: kind}), "own.db")
		if strings.Contains(other, "own.db") || strings.Contains(other, "mv ") || other == "" {
			t.Errorf("%v of the other one: %q", kind, other)
		}
		if kind != store.ErrOlder && kind != store.ErrHostName && (own == "" || own == other) {
			t.Errorf("%v of the own one: %q", kind, own)
		}
	}
}

// TestAHintCanBePasted: the name of a database may have spaces.
func TestAHintCanBePasted(t *testing.T) {
	for kind, want := range map[error]string{
		store.ErrOlder:   "mv '/a b.db' '/a b.db.old'; ",
		store.ErrSchema:  "mv '/a b.db' '/a b.db.odd'; ",
		store.ErrDamaged: "mv '/a b.db' '/a b.db.damaged'; ",
	} {
		hint := hintFor(&store.DatabaseError{Path: "/a b.db", Err: kind}, "/a b.db")
		if !strings.HasPrefix(hint, want) {
			t.Errorf("%v: %s", kind, hint)
		}
	}
}
