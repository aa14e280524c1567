package emergelog

import "strings"

// request is what a run's arguments say that the reading of its lines needs.
type request struct {
	action     Action
	ask        bool
	keepGoing  bool
	fetchOnly  bool
	buildOnly  bool
	binaryOnly bool
	parallel   bool
	args       string // set where requests remembers them
}

// dashlessActions are the actions that the logs of 2005 to 2008 hold without
// dashes, after the options.
var dashlessActions = map[string]Action{
	"sync": ActionSync, "metadata": ActionOther, "regen": ActionOther, "config": ActionOther, "search": ActionOther,
	"unmerge": ActionUnmerge, "prune": ActionUnmerge, "clean": ActionUnmerge, "depclean": ActionDepclean,
}

// lastDashlessAction is 2009-01-01: later words without dashes are packages.
const lastDashlessAction = 1230768000

// parseRequest reads the arguments of a run that began at started. Portage
// writes them normalised: "--option", "--option=value", then the action, then
// the user's own words (actions.py:4078-4095).
func parseRequest(args string, started int64) request {
	var r request
	resume, deselect, decided := false, false, false
	for word := range strings.FieldsSeq(args) {
		if !strings.HasPrefix(word, "--") {
			if action, ok := dashlessActions[word]; ok && !decided && started < lastDashlessAction {
				r.action, decided = action, true
			}
			// Packages follow; their words decide nothing.
			if started < lastDashlessAction {
				decided = true
			}
			continue
		}
		option, value, _ := strings.Cut(word, "=")
		on := value != "n" && value != "False"
		switch option {
		case "--ask":
			r.ask = on
		case "--keep-going":
			r.keepGoing = on
		case "--fetchonly", "--fetch-all-uri":
			r.fetchOnly = on
		case "--buildpkgonly":
			r.buildOnly = on
		case "--usepkgonly", "--getbinpkgonly":
			r.binaryOnly = on
		case "--jobs":
			r.parallel = value != "1"
		case "--resume":
			resume = true
		case "--deselect":
			deselect = on
		case "--sync":
			r.action, decided = ActionSync, true
		case "--depclean":
			r.action, decided = ActionDepclean, true
		case "--unmerge", "--prune", "--clean", "--rage-clean":
			r.action, decided = ActionUnmerge, true
		case "--config", "--metadata", "--regen", "--search", "--info", "--check-news", "--list-sets", "--version", "--help", "--moo":
			r.action, decided = ActionOther, true
		}
	}
	switch {
	case decided && r.action != ActionMerge:
	case deselect:
		r.action = ActionOther
	case resume:
		r.action = ActionResume
	}
	return r
}

// requests remembers the arguments that were read: people ask the same again
// and again.
type requests struct {
	known map[string]request
}

// request returns the arguments as a string and what they say.
func (r *requests) request(args []byte, started int64) (string, request) {
	if started < lastDashlessAction || len(args) > maxKnownArgs {
		return string(args), parseRequest(string(args), started)
	}
	if known, ok := r.known[string(args)]; ok {
		return known.args, known
	}
	if r.known == nil || len(r.known) >= maxRequests {
		r.known = make(map[string]request)
	}
	fresh := parseRequest(string(args), started)
	fresh.args = string(args)
	r.known[fresh.args] = fresh
	return fresh.args, fresh
}

// The limits of what is remembered: a thousand command lines of usual length.
const (
	maxRequests  = 1 << 10
	maxKnownArgs = 1 << 10
)
