package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"emaudit/settings"
	"emaudit/store"
)

// portageqTimeout stops a portageq that hangs. It normally takes less than a
// second, even on an old machine.
const portageqTimeout = 30 * time.Second

// sourcePortageq is the kind of the bookmark that holds Portage's answers.
const sourcePortageq store.SourceKind = "portageq"

// PortageqAnswers returns a function for the Portageq of [settings.Options], which
// asks the running Portage for variables. program is the path of portageq. own are
// the settings as emaudit reads them. now is in unix seconds.
//
// Starting Portage takes longer than anything else in emaudit. So the database
// keeps the answers, and Portage is asked again only after own or the program has
// changed.
func PortageqAnswers(ctx context.Context, db *store.DB, host store.HostID, program string, own []settings.Setting, now int64) func(...string) (map[string]string, error) {
	return func(names ...string) (map[string]string, error) {
		key := portageqKey(program, names, own)
		var answers map[string]string
		err := db.View(ctx, func(tx *store.Tx) error {
			known, ok, err := tx.FindSource(host, sourcePortageq, program)
			if err == nil && ok && bytes.Equal(known.Fingerprint, key) {
				err = json.Unmarshal(known.State, &answers)
			}
			return err
		})
		if err != nil || answers != nil {
			return answers, err
		}
		if answers, err = runPortageq(ctx, program, names); err != nil || db.ReadOnly() {
			return answers, err
		}
		state, err := json.Marshal(answers)
		if err != nil {
			return nil, err
		}
		return answers, db.Update(ctx, func(tx *store.Tx) error {
			return tx.PutSource(&store.Source{
				Host: host, Kind: sourcePortageq, Path: program, Fingerprint: key, State: state, ReadAt: now,
			})
		})
	}
}

// portageqKey returns a digest of everything that Portage's answers depend on and
// that is fast to read.
func portageqKey(program string, names []string, own []settings.Setting) []byte {
	h := sha256.New()
	if info, err := os.Stat(program); err == nil {
		fmt.Fprintf(h, "%d %d\n", info.Size(), info.ModTime().UnixNano())
	}
	fmt.Fprintf(h, "%q\n", names)
	for _, o := range own {
		fmt.Fprintf(h, "%q %q %q\n", o.Name, o.Value, o.Source)
	}
	return h.Sum(nil)
}

// runPortageq asks for all variables in one process. Exit status 1 means that a
// variable is unset, which is not an error.
func runPortageq(ctx context.Context, program string, names []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, portageqTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, append([]string{"envvar", "-v"}, names...)...).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1 || len(out) == 0) {
		return nil, fmt.Errorf("%s envvar: %w", program, err)
	}
	return parseEnvvar(string(out))
}

// parseEnvvar parses lines NAME=WORD. A word has the form of Python's shlex.quote:
// bare, or in single quotes with '"'"' for a single quote.
func parseEnvvar(out string) (map[string]string, error) {
	answers := map[string]string{}
	for rest := out; rest != ""; {
		name, value, ok := strings.Cut(rest, "=")
		if !ok || strings.ContainsAny(name, " \n'\"") {
			return nil, fmt.Errorf("portageq: cannot read %.40q", rest)
		}
		var word strings.Builder
		i := 0
		for ; i < len(value) && value[i] != '\n'; i++ {
			quote := value[i]
			if quote != '\'' && quote != '"' {
				word.WriteByte(quote)
				continue
			}
			end := strings.IndexByte(value[i+1:], quote)
			if end < 0 {
				return nil, fmt.Errorf("portageq: the value of %s has no closing quote", name)
			}
			word.WriteString(value[i+1 : i+1+end])
			i += end + 1
		}
		answers[name] = word.String()
		rest = strings.TrimPrefix(value[i:], "\n")
	}
	return answers, nil
}
