package rollback

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/state"
)

// holds adds the step that masks versions newer than the restored ones, and the step
// that removes the masks again.
func (j *Judge) holds(r *Rollback, merges []*Change) (hold, lift []audit.Command) {
	var lines []string
	for _, c := range merges {
		if c.Action != state.ActionDowngrade {
			continue
		}
		line := ">" + *c.To
		if c.Slot != "" {
			// The mask leaves other slots alone.
			line += ":" + c.Slot
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil, nil
	}
	file, own := j.maskFile(r)
	// The empty line ends the part that the comment covers.
	hold = []audit.Command{audit.AppendLines(slices.Concat([]string{acceptance.HoldMark + " " + r.about()}, lines, []string{""}), file)}
	if own {
		return hold, []audit.Command{audit.Files("rm", j.typed.EPrefix+file)}
	}
	return hold, []audit.Command{withoutLines(j.typed.EPrefix+file, append(lines, acceptance.HoldMark+" "+r.about()))}
}

// withoutLines returns the command that deletes lines of a file.
func withoutLines(file string, lines []string) audit.Command {
	sed := []string{"sed", "-i"}
	for _, line := range lines {
		sed = append(sed, "-e", "\\,^"+regexpQuote.Replace(line)+"$,d")
	}
	return audit.Files(append(sed, file)...)
}

// regexpQuote quotes the special characters of a basic regular expression between
// commas that names and versions can hold.
var regexpQuote = strings.NewReplacer(".", "\\.", "*", "\\*", "[", "\\[", ",", "\\,")

// lift adds the step that removes holds of earlier rollbacks on restored packages.
func (j *Judge) lift(merges []*Change) (commands []audit.Command) {
	var holds []acceptance.Hold
	for _, c := range merges {
		holds = append(holds, j.Accept.Holds(&c.Chosen.Pkg)...)
	}
	files := j.linesOf(holds)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		commands = append(commands, withoutLines(file, files[file]))
	}
	return commands
}

// linesOf returns the lines of some holds, by file. It includes the comment above them
// if no other holds remain below it, so that a line that somebody adds later is no
// hold.
func (j *Judge) linesOf(holds []acceptance.Hold) map[string][]string {
	files := map[string][]string{}
	add := func(file, line string) {
		if !slices.Contains(files[file], line) {
			files[file] = append(files[file], line)
		}
	}
	for _, h := range holds {
		add(h.Path, h.Text)
	}
	all := j.Accept.Holds(nil)
	for _, h := range holds {
		remains := func(x acceptance.Hold) bool {
			return x.Path == h.Path && x.Mark == h.Mark && !slices.Contains(files[x.Path], x.Text)
		}
		if h.Mark != "" && !slices.ContainsFunc(all, remains) {
			add(h.Path, h.Mark)
		}
	}
	return files
}

// held reports the holds of earlier rollbacks.
func (j *Judge) held(r *Rollback) {
	holds := j.Accept.Holds(nil)
	atoms := map[string][]string{}
	for _, h := range holds {
		atoms[h.Path] = append(atoms[h.Path], h.Text)
	}
	files := j.linesOf(holds)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		r.Findings = append(r.Findings, audit.Finding{
			Code: "rollback-hold", Severity: audit.SeverityInfo, Subject: file, Evidence: []audit.Evidence{{Source: file}},
			Message: "an earlier rollback holds back what is newer: " + listOf(atoms[file]),
			Remedy:  audit.Do(withoutLines(file, files[file])).When("to let the newer versions in again"),
		})
	}
}

// maskFile returns the file for holds, without a Prefix: package.mask, or a file in it
// if it is a folder.
func (j *Judge) maskFile(r *Rollback) (file string, own bool) {
	const list = "/etc/portage/package.mask"
	folder := slices.Contains(j.typed.Folders, path.Base(list))
	for _, f := range j.Accept.MaskFiles {
		folder = folder || strings.HasPrefix(f, j.typed.EPrefix+list+"/")
	}
	if !folder {
		return list, false
	}
	file = path.Join(list, r.fileName())
	return file, !slices.Contains(j.Accept.MaskFiles, j.typed.EPrefix+file)
}

// revert returns the command that sets the Gentoo repository back to the last sync
// before the state. With the ebuilds of that day, an update finds nothing newer. The
// command is zero if there is no such repository, or if an update would undo nothing.
func (j *Judge) revert(r *Rollback, merges []*Change) audit.Command {
	if !slices.ContainsFunc(merges, func(c *Change) bool { return c.Action == state.ActionDowngrade }) {
		return audit.Command{}
	}
	return j.snapshotOf(r)
}

// syncedBefore returns the day of the last sync before a moment. It returns "" if none
// is known, or if no later sync changed the repository.
func (j *Judge) syncedBefore(at int64) string {
	i, found := slices.BinarySearch(j.Past.Syncs, at)
	if !found {
		i--
	}
	if i < 0 || i == len(j.Past.Syncs)-1 {
		return ""
	}
	return time.Unix(j.Past.Syncs[i], 0).UTC().Format("20060102")
}

// guard returns the shell lines that check that the host is as the plan found it: the
// same packages are installed, the packages that go have the same builds, and the files
// have the same size.
func (j *Judge) guard(r *Rollback) []string {
	names := make([]string, 0, len(j.Past.Installed))
	for i := range j.Past.Installed {
		names = append(names, "./"+j.Past.Installed[i].CPV+"\n")
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	lines := []string{
		`changed() { echo "$1: not as it was when this plan was made; ask emaudit again" >&2; exit 1; }`,
		"cd " + audit.ShellQuote(j.vdb),
		`installed=$(find . -mindepth 2 -maxdepth 2 -type d ! -name '.*' ! -name '-MERGING-*' ! -path './.*' | LC_ALL=C sort | sha256sum)`,
		fmt.Sprintf(`[ "${installed%%%% *}" = %x ] || changed "what is installed"`, sum),
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Stays {
			continue
		}
		if c.Before != nil && c.Before.Row != nil && c.Before.Row.BuildTime != 0 {
			file := audit.ShellQuote(path.Join(c.Before.Row.CPV, "BUILD_TIME"))
			lines = append(lines, fmt.Sprintf(`[ ! -f %s ] || [ "$(cat %s)" = %d ] || changed %s`, file, file, c.Before.Row.BuildTime, audit.ShellQuote(c.Before.Row.CPV)))
		}
		if c.Chosen != nil && c.offer == nil {
			file := audit.ShellQuote(c.Chosen.Source())
			lines = append(lines, fmt.Sprintf(`[ "$(wc -c < %s)" -eq %d ] || changed %s`, file, c.Chosen.Size, file))
		}
	}
	return append(lines, "cd /")
}
