package history

import "emaudit/store"

// maxMoves bounds how often one package was renamed; a ring, which no repository
// should have, ends there too.
const maxMoves = 16

// loadMoves reads which packages were renamed.
func (r *runReader) loadMoves() error {
	moves, err := r.db.Tx.PackageMoves(r.db.Host)
	if err != nil {
		return err
	}
	r.moves = movesOf(moves)
	return nil
}

// movesOf returns the new name of each old one. A name that was given to a
// package again after it was free is a name of today, not an old one.
func movesOf(moves []store.PackageMove) map[string]string {
	names := make(map[string]string, len(moves))
	for _, m := range moves {
		names[m.Old] = m.New
		delete(names, m.New)
	}
	return names
}

// renamed returns the name that a package has today.
func (r *runReader) renamed(cp string) string {
	for range maxMoves {
		next, ok := r.moves[cp]
		if !ok {
			break
		}
		cp = next
	}
	return cp
}
