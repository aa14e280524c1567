package merges

import (
	"emaudit/audit/history"
	"emaudit/report/screen"
)

// DidMerge says what became of a merge, in the same words on every screen: its
// outcome, and "binary" if it took a binary package.
func DidMerge(kind, outcome string, postinstFailed bool) screen.Cell {
	words := outcome
	if kind == history.KindBinary {
		words += " binary"
	}
	if postinstFailed {
		return screen.Bad.Text(words + ", postinst failed")
	}
	return outcomeRoles[outcome].Text(words)
}

// DidRemove says what became of a removal, and what it was done for.
func DidRemove(reason, outcome string) screen.Cell {
	if outcome != history.OutcomeOK {
		return outcomeRoles[outcome].Text("removal " + outcome)
	}
	words := "removed"
	switch reason {
	case history.ReasonReplaced:
		words = "replaced"
	case history.ReasonDepclean:
		words = "removed by depclean"
	case history.ReasonBlocker:
		words = "removed as a blocker"
	}
	return outcomeRoles[outcome].Text(words)
}

// didSync says what became of a sync.
func didSync(outcome string) screen.Cell {
	if outcome != history.OutcomeOK {
		return outcomeRoles[outcome].Text("sync " + outcome)
	}
	return outcomeRoles[outcome].Text("synced")
}
