package audit

// renamed returns the name that a package has today.
func (r *runReader) renamed(cp string) string {
	// A chain of moves is short; a ring, which no repository has, ends too.
	for range maxMoves {
		next, ok := r.moves[cp]
		if !ok {
			break
		}
		cp = next
	}
	return cp
}

// maxMoves bounds how often one package was renamed.
const maxMoves = 16
