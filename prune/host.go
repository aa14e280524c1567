package prune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/hostfs"
)

// Host is all folders of binary packages of a host. Its methods change or list them one
// after the other, and add to Done, Journals and Findings.
type Host struct {
	Root     *hostfs.Root
	PkgDirs  []string // inside the root
	Options  Options
	Place    audit.Place // where the commands of findings are typed
	Done     cleanup.PruneDone
	Journals []cleanup.PruneJournal
	Findings []audit.Finding
}

// each opens one folder of binary packages after the other.
func (h *Host) each(do func(*PkgDir) error) error {
	for _, path := range h.PkgDirs {
		if err := h.with(path, do); err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) with(pkgdir string, do func(*PkgDir) error) error {
	dir, err := Open(h.Root, pkgdir, h.Options)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = do(dir)
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Apply takes the candidates out of all folders, for good or into the quarantine. Still
// returns the candidates of a folder once its lock is held.
func (h *Host) Apply(ctx context.Context, candidates []cleanup.PruneCandidate, forGood bool, still func(ctx context.Context, pkgdir string) (map[string]bool, error)) error {
	h.Done = cleanup.PruneDone{Action: cleanup.PruneApplied, Skipped: []cleanup.PruneSkip{}}
	if forGood {
		h.Done.Action = cleanup.PruneDeleted
	}
	return h.each(func(dir *PkgDir) error {
		still := func(ctx context.Context) (map[string]bool, error) { return still(ctx, dir.Path()) }
		result, err := dir.Apply(ctx, candidates, ApplyOptions{Delete: forGood, Still: still})
		h.recovered(result.Recovered)
		h.Done.Files += result.Files
		h.Done.Size += result.Size
		h.Done.Entries += result.Entries
		if result.Journal != "" {
			h.Done.Journal, h.Done.Quarantine, h.Done.QuarantineWhy = result.Journal, result.Quarantine, result.Why
			h.Done.DeletableAt = h.Options.Now + Keep
		}
		h.Done.Skipped = append(h.Done.Skipped, result.Skipped...)
		for _, skip := range result.Skipped {
			h.find("prune-skipped", audit.SeverityWarning, path.Join(result.PkgDir, skip.Path), skip.Reason, audit.Do(audit.Emaudit("prune")))
		}
		return err
	})
}

// undoCommand returns the command that undoes a prune or, without a journal, an
// interrupted one.
func undoCommand(journal string) audit.Command {
	undo := audit.Emaudit("prune", "--undo")
	if journal != "" {
		undo = undo.Plus(journal)
	}
	return undo
}

// ReadJournals lists the quarantine and reports its problems.
func (h *Host) ReadJournals() {
	h.Journals = []cleanup.PruneJournal{}
	err := h.each(func(dir *PkgDir) error {
		all, err := dir.Journals()
		h.Journals = append(h.Journals, all...)
		for _, j := range all {
			subject := j.Path
			switch j.Status {
			case cleanup.JournalUnfinished:
				h.find("prune-unfinished", audit.SeverityWarning, subject, "an earlier prune was interrupted: its files are still in quarantine", audit.Do(undoCommand("")))
			case cleanup.JournalUnreadable:
				h.find(audit.CodePruneJournalUnread, audit.SeverityWarning, subject, j.Problem, audit.Do(audit.Files("ls", "-la", j.Path)).When("look into it: the files are there by number"))
			}
		}
		return err
	})
	if err == nil || h.Refused(err) {
		return
	}
	subject, remedy := Quarantine, audit.Advise("run emaudit as root")
	if q := (*QuarantineError)(nil); errors.As(err, &q) {
		subject = q.Path
		if errors.Is(err, ErrMountPoint) {
			remedy = audit.Do(audit.Files("umount", q.Path))
		}
	}
	h.find(audit.CodePruneJournalUnread, audit.SeverityWarning, subject, err.Error(), remedy)
}

// Refused adds a finding about a quarantine that is not trusted, if err is about one. It
// reports whether it is.
func (h *Host) Refused(err error) bool {
	var q *QuarantineError
	if !errors.As(err, &q) || !errors.Is(err, ErrUntrusted) {
		return false
	}
	for _, f := range h.Findings {
		if f.Code == audit.CodePruneQuarantineRefused && f.Subject == q.Path {
			return true
		}
	}
	h.find(audit.CodePruneQuarantineRefused, audit.SeverityError, q.Path, q.Err.Error(),
		audit.Do(audit.Files("ls", "-laR", q.Path)).When("its owner undoes what he pruned; otherwise move it away, after a look"))
	return true
}

func (h *Host) find(code string, severity audit.Severity, subject, message string, remedy audit.Remedy) {
	h.Findings = append(h.Findings, audit.Finding{
		Code: code, Severity: severity, Subject: subject, Message: message,
		Evidence: []audit.Evidence{{Source: subject}}, Remedy: remedy.At(h.Place),
	})
}

// recovered reports what an earlier, interrupted run had left and this one restored.
func (h *Host) recovered(all []Restored) {
	for _, restored := range all {
		h.find("prune-recovered", audit.SeverityInfo, restored.PkgDir,
			fmt.Sprintf("an earlier prune (journal %s) was interrupted: its %d files were restored first", restored.Journal, restored.Files), audit.Advise("nothing: it is done"))
		h.unrestored(restored)
	}
}

// unrestored reports what could not be restored.
func (h *Host) unrestored(restored Restored) {
	for _, p := range restored.Conflicts {
		h.find("prune-conflict", audit.SeverityWarning, path.Join(restored.PkgDir, p),
			"another file has its place by now: the old one stays in quarantine, in journal "+restored.Journal, audit.Do(undoCommand(restored.Journal)).When("move the new one away, and then"))
	}
	for _, s := range restored.Stuck {
		h.find("prune-stuck", audit.SeverityError, path.Join(restored.PkgDir, s.Path),
			"it cannot be put back, and stays in quarantine, in journal "+restored.Journal+": "+s.Reason, audit.Do(undoCommand(restored.Journal)).When("lsattr -d and findmnt -T show what holds the place; without that"))
	}
	for _, p := range restored.Missing {
		h.find("prune-missing", audit.SeverityError, path.Join(restored.PkgDir, p), "it is neither in quarantine nor at its place: something else took it away", audit.Do(audit.Emaudit("audit", "coverage")))
	}
}

// Undo undoes a prune in every folder that has its journal. Without a journal it undoes
// what was interrupted, or else the newest prune.
func (h *Host) Undo(ctx context.Context, journal string) error {
	id := journal
	if id == "" {
		h.ReadJournals()
		newest := int64(-1)
		for _, j := range h.Journals {
			if j.Status == cleanup.JournalUnfinished {
				// The interrupted action is the one to undo.
				id = ""
				break
			}
			if j.Status == cleanup.JournalApplied && j.CreatedAt > newest {
				id, newest = j.ID, j.CreatedAt
			}
		}
	}
	h.Journals = []cleanup.PruneJournal{}
	found := false
	err := h.each(func(dir *PkgDir) error {
		if recovered, err := dir.Recover(ctx); err != nil {
			return err
		} else if len(recovered) > 0 {
			h.recovered(recovered)
			found = found || journal == ""
			for _, restored := range recovered {
				h.count(restored)
			}
		}
		if id == "" {
			return nil
		}
		restored, err := dir.Undo(ctx, id)
		if errors.Is(err, ErrNoJournal) {
			return nil
		}
		if err == nil {
			found = true
			h.count(restored)
			h.unrestored(restored)
		}
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: %q", ErrNoJournal, id)
	}
	return err
}

func (h *Host) count(restored Restored) {
	h.Done.Action = cleanup.PruneUndone
	h.Done.Skipped = []cleanup.PruneSkip{}
	h.Done.Files += restored.Files
	h.Done.Size += restored.Size
}

// Empty deletes the files that were in quarantine for [Keep].
func (h *Host) Empty(ctx context.Context) error {
	h.Done = cleanup.PruneDone{Action: cleanup.PruneEmptied, Skipped: []cleanup.PruneSkip{}}
	err := h.each(func(dir *PkgDir) error {
		emptied, err := dir.Empty(ctx, h.Options.Now-Keep)
		h.Done.Files += emptied.Files
		h.Done.Size += emptied.Size
		return err
	})
	h.ReadJournals()
	return err
}
