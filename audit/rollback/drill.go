package rollback

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/store"
)

// DrillVerdict is the answer of a drill.
type DrillVerdict string

// The verdicts of a drill.
const (
	// Proven: the steps ended well, and everything that was looked at is as the plan
	// promised. It is said only where all of it could be read.
	Proven DrillVerdict = "proven"
	// ProvenWithDifferences: the steps ended well and the promised builds are
	// installed, and something else is not as promised, or could not be read.
	ProvenWithDifferences DrillVerdict = "proven-with-differences"
	// DrillFailed: a step failed, or other builds are installed than the promised
	// ones.
	DrillFailed DrillVerdict = "failed"
)

// Proof is what the last drill of a target says.
type Proof struct {
	Verdict DrillVerdict `json:"verdict"`
	At      int64        `json:"started_at"`
	// Holds reports that the drill was one of this very plan, and that nothing that it
	// rests on has changed since. Where it does not hold, the fields behind it say
	// what has changed.
	Holds           bool `json:"holds"`
	ChangedPackages int  `json:"changed_packages"` // installed packages
	ChangedFiles    int  `json:"changed_files"`    // of Files
	ChangedPlan     bool `json:"changed_plan"`
	// Step is the command that failed, "" for none.
	Step    string `json:"step"`
	Cause   string `json:"cause"`
	Log     string `json:"log"`
	Seconds int64  `json:"seconds"`
	Bytes   int64  `json:"bytes"` // that the commands wrote
	// Files are the binary packages that it merged.
	Files       []ProofFile       `json:"files"`
	Differences []DrillDifference `json:"differences"`
	Program     string            `json:"program"` // version of emaudit
	Portage     string            `json:"portage"` // its version, "" where it is not known
}

// ProofFile is a binary package that a drill merged.
type ProofFile struct {
	CPV       string `json:"cpv"`
	Path      string `json:"path"` // in PKGDIR
	BuildID   *int64 `json:"build_id"`
	BuildTime *int64 `json:"build_time"`
	Size      int64  `json:"size"` // bytes
}

// DrillDifference is something that a drill showed and the plan did not promise.
type DrillDifference struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"` // a version, a path inside the root, or an atom
	Detail  string `json:"detail"`
}

// String is "file-missing /usr/bin/x: a/b-1 installed it".
func (d DrillDifference) String() string {
	s := strings.TrimSpace(d.Kind + " " + d.Subject)
	if d.Detail != "" {
		s += ": " + d.Detail
	}
	return s
}

// Since says what a proof that does not hold any more rested on, as the end of a
// sentence: "3 packages changed".
func (p *Proof) Since() string {
	var parts []string
	if p.ChangedPackages > 0 {
		parts = append(parts, audit.Counted(p.ChangedPackages, "package", "packages"))
	}
	if p.ChangedFiles > 0 {
		parts = append(parts, audit.Counted(p.ChangedFiles, "of its binary packages", "of its binary packages"))
	}
	if len(parts) == 0 {
		// What changed back is no change, and the plan is made of nothing else.
		return "the plan changed"
	}
	return strings.Join(parts, " and ") + " changed"
}

// ProofOf returns what a drill says of the plan of today.
func (r *Rollback) ProofOf(d *store.Drill) *Proof {
	p := &Proof{
		Verdict: DrillVerdict(d.Verdict), At: d.StartedAt, ChangedPackages: d.PackagesChanged, ChangedFiles: d.FilesChanged, ChangedPlan: !bytes.Equal(d.Plan, r.plan),
		Step: d.Step, Cause: d.Cause, Log: d.Log, Seconds: d.Seconds, Bytes: d.Bytes, Files: []ProofFile{}, Differences: []DrillDifference{}, Program: d.Program, Portage: d.Portage,
	}
	p.Holds = !p.ChangedPlan && p.ChangedFiles == 0 && bytes.Equal(d.Installed, r.installed)
	if p.Holds {
		p.ChangedPackages = 0 // they changed, and changed back
	}
	for _, f := range d.Files {
		p.Files = append(p.Files, ProofFile{f.CPV, f.Path, binpkgs.Known(f.BuildID), binpkgs.Known(f.BuildTime), f.Size})
	}
	for _, o := range d.Observations {
		if !o.Expected {
			p.Differences = append(p.Differences, DrillDifference{o.Kind, o.Subject, o.Detail})
		}
	}
	return p
}

// Drill returns the row of a drill of the plan, with what it rests on. What came out
// is for the caller to fill in.
func (r *Rollback) Drill() store.Drill {
	d := store.Drill{Target: r.drillTarget(), Plan: r.plan, Installed: r.installed}
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Stays || c.Chosen == nil || c.offer != nil {
			continue // what is fetched, the plan itself checks
		}
		d.Files = append(d.Files, store.DrillFile{
			PkgDir: c.Chosen.Dir.Path, Path: c.Chosen.Path, CPV: c.Chosen.CPV, Size: c.Chosen.Size, MTimeNS: c.Chosen.MTimeNS,
			MD5: c.Chosen.Md5(), BuildTime: c.Chosen.BuildTime, BuildID: c.Chosen.BuildID,
		})
	}
	return d
}

// drillTarget names what goes back, as the table drill has it.
func (r *Rollback) drillTarget() string {
	switch {
	case r.Package != "":
		return r.Package
	case r.Undo != nil:
		return fmt.Sprintf("undo:%d", *r.Undo)
	}
	t := r.Target
	t.Pin = "" // a pin may be moved
	return t.Argument()
}

// prove says what the last drill of the target says of the plan.
func (j *Judge) prove(r *Rollback) {
	if len(r.Plan) == 0 {
		return
	}
	// The name of the folder for the copies has the time of the question.
	text := strings.Join(audit.Lines(r.Plan), "\n")
	sum := sha256.Sum256([]byte(strings.ReplaceAll(text, j.stageOf(r), "STAGE")))
	r.plan, r.installed = sum[:], j.installedSum()
	d, err := j.Db.Tx.LastDrill(j.Db.Host, r.drillTarget(), r.plan, r.installed)
	if err != nil {
		j.Past.Err = err
	}
	if d == nil {
		return
	}
	r.Proof = r.ProofOf(d)
	f := audit.Finding{Subject: r.drillTarget(), Severity: audit.SeverityInfo, Evidence: []audit.Evidence{}, Remedy: audit.Do(r.Command.Instead("drill"))}
	at := audit.Minute(d.StartedAt)
	switch p := r.Proof; {
	case !p.Holds && p.Verdict == DrillFailed:
		f.Code, f.Message = audit.CodeDrillOld, fmt.Sprintf("a drill failed on %s, and since then %s", at, p.Since())
	case !p.Holds:
		f.Code, f.Message = audit.CodeDrillOld, fmt.Sprintf("a drill proved it on %s, and since then %s", at, p.Since())
	case p.Verdict == DrillFailed:
		f.Code, f.Severity, f.Message = audit.CodeDrillFailed, audit.SeverityWarning, fmt.Sprintf("the last drill failed on %s: %s", at, p.why())
		f.Evidence = append(f.Evidence, audit.Evidence{Source: p.Log})
	case p.Verdict == ProvenWithDifferences && len(p.Differences) > 0:
		f.Code = audit.CodeDrillDiffers
		f.Message = fmt.Sprintf("the drill of %s showed %s, %s first", at, audit.Counted(len(p.Differences), "difference", "differences"), p.Differences[0])
	default:
		return
	}
	r.Findings = append(r.Findings, f)
	audit.SortFindings(r.Findings)
	if f.Severity != audit.SeverityInfo && r.Verdict == Ready {
		r.Verdict = ReadyWithWarnings
	}
}

// why is the step at which a drill failed, and the cause; or the build that did not
// come back.
func (p *Proof) why() string {
	switch {
	case p.Step == "" && len(p.Differences) > 0:
		return p.Differences[0].String()
	case p.Cause == "":
		return p.Step
	}
	return p.Step + ": " + p.Cause
}

// installedSum is the SHA-256 of the builds that are installed.
func (j *Judge) installedSum() []byte {
	if j.sum == nil {
		h := sha256.New()
		var number [8]byte
		for i := range j.Past.Installed {
			p := &j.Past.Installed[i]
			for _, text := range []string{p.CPV, p.Slot, p.Repo} {
				h.Write(append([]byte(text), 0))
			}
			for _, n := range []int64{p.BuildTime, p.BuildID} {
				binary.LittleEndian.PutUint64(number[:], uint64(n))
				h.Write(number[:])
			}
		}
		j.sum = h.Sum(nil)
	}
	return j.sum
}
