package emergelog

import "strings"

// request holds the properties of a run's arguments that affect the reading of its
// lines.
type request struct {
	action     Action
	ask        bool
	keepGoing  bool
	fetchOnly  bool
	buildOnly  bool
	binaryOnly bool
	parallel   bool
	args       string // set if requests caches the arguments
}

// dashlessActions are the actions that logs of 2005 to 2008 show without dashes,
// after the options.
var dashlessActions = map[string]Action{
	"sync": ActionSync, "metadata": ActionOther, "regen": ActionOther, "config": ActionOther, "search": ActionOther,
	"unmerge": ActionUnmerge, "prune": ActionUnmerge, "clean": ActionUnmerge, "depclean": ActionDepclean,
}

// lastDashlessAction is 2009-01-01. After that, words without dashes are packages.
const lastDashlessAction = 1230768000

// parseRequest reads the arguments of a run that began at started, in unix seconds.
// Portage normalises them: "--option", "--option=value", then the action, then the
// words that the user typed (actions.py:4078-4095).
func parseRequest(args string, started int64) request {
	var r request
	resume, deselect, decided := false, false, false
	for word := range strings.FieldsSeq(args) {
		if !strings.HasPrefix(word, "--") {
			if action, ok := dashlessActions[word]; ok && !decided && started < lastDashlessAction {
				r.action, decided = action, true
			}
			// The remaining words are packages.
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

// requests caches parsed arguments, because people repeat the same commands.
type requests struct {
	known map[string]request
}

// request returns the arguments as a string, and the parsed request.
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

// The limits of the cache: a thousand command lines of usual length.
const (
	maxRequests  = 1 << 10
	maxKnownArgs = 1 << 10
)
