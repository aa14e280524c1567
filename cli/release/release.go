// Package release says what the program was built from: version, commit and date. The
// same files give the same answer, wherever and whenever they are built.
//
// The version is the first line of release.txt. The commit comes from the first of
// these that has it:
//
//   - the linker: -X emaudit/cli/release.commit=HASH and
//     -X emaudit/cli/release.seconds=UNIXTIME;
//   - release.txt in an archive that "git archive" made: gitattributes(5), export-subst;
//   - the build information, where "go build" ran in a checkout with git: go help
//     buildvcs.
package release

import (
	_ "embed" // release.txt
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

//go:embed release.txt
var text string

// The linker may set these; they are strings for that reason.
var commit, seconds string

// Release is what a program was built from.
type Release struct {
	Version  string
	Commit   string    // the hash of git; empty if unknown
	Modified bool      // files differ from those of the commit
	Date     time.Time // of the commit, UTC; zero if unknown
}

// Current returns that of this program.
func Current() Release {
	info, _ := debug.ReadBuildInfo()
	return read(text, commit, seconds, info)
}

func read(text, commit, seconds string, info *debug.BuildInfo) Release {
	lines := strings.Split(text, "\n")
	r := Release{Version: lines[0]}
	modified := false
	if commit == "" && !strings.HasPrefix(lines[1], "$") {
		commit, seconds = lines[1], lines[2]
	}
	if commit == "" && info != nil {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			case "vcs.time":
				if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
					seconds = strconv.FormatInt(t.Unix(), 10)
				}
			}
		}
	}
	r.Commit, r.Modified = commit, modified
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		r.Date = time.Unix(n, 0).UTC()
	}
	return r
}

// shortHash is how many digits of a commit people read.
const shortHash = 12

// String is what "--version" prints behind the name of the program: "1.0.0 (commit
// 0123456789ab, 2026-11-30)".
func (r Release) String() string {
	details := []string{"commit unknown"}
	if r.Commit != "" {
		details[0] = "commit " + r.Commit[:min(len(r.Commit), shortHash)]
	}
	if r.Modified {
		details = append(details, "modified")
	}
	if !r.Date.IsZero() {
		details = append(details, r.Date.Format(time.DateOnly))
	}
	return r.Version + " (" + strings.Join(details, ", ") + ")"
}
