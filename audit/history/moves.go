package history

import "emaudit/store"

// maxMoves is the largest number of renamings of one package. It also stops cycles,
// which no repository should have.
const maxMoves = 16

// loadMoves reads the renamings of packages.
func (r *runReader) loadMoves() error {
	moves, err := r.db.Tx.PackageMoves(r.db.Host)
	if err != nil {
		return err
	}
	r.moves = movesOf(moves)
	return nil
}

// movesOf returns the new name of each old one. A name that another package has
// been given since counts as a current name.
func movesOf(moves []store.PackageMove) map[string]string {
	names := make(map[string]string, len(moves))
	for _, m := range moves {
		names[m.Old] = m.New
		delete(names, m.New)
	}
	return names
}

// renamed returns the current name of a package.
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
