package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"emaudit/audit/overview"
)

// systemConfig is the configuration file of the machine.
const systemConfig = "/etc/emaudit/config.toml"

// maxConfig bounds a configuration file: one larger is something else.
const maxConfig = 1 << 20

// configuration resolves flags from configuration files. A key at the top has
// the name of a flag that every command has; a key in a table has the name of a
// flag of the command after which the table is called:
//
//	fail-on = "never"
//
//	[audit]
//	fail-on = "warning"
//
// The command line counts more than EMAUDIT_NAME in the environment, that more
// than the user's file, and that more than the machine's. A key that is no flag
// is an error, so that a misspelt one is not silently without effect.
type configuration struct {
	files []configFile // the one that counts least first
}

type configFile struct {
	path string
	keys map[string]any
}

// readConfiguration reads the machine's file and the user's. EMAUDIT_CONFIG
// names another file in place of both.
func readConfiguration(proc *process) (*configuration, error) {
	paths := []string{systemConfig}
	if dir := proc.getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		paths = append(paths, filepath.Join(dir, "emaudit", "config.toml"))
	} else if home := proc.getenv("HOME"); home != "" {
		paths = append(paths, filepath.Join(home, ".config", "emaudit", "config.toml"))
	}
	named := proc.getenv("EMAUDIT_CONFIG")
	if named != "" {
		paths = []string{named}
	}
	c := &configuration{}
	for _, path := range paths {
		file, err := readConfig(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && named == "":
		case err != nil:
			return nil, errUsage{err}
		default:
			c.files = append(c.files, file)
		}
	}
	return c, nil
}

func readConfig(path string) (configFile, error) {
	file := configFile{path: path, keys: map[string]any{}}
	if info, err := os.Stat(path); err != nil {
		return file, fmt.Errorf("config %s: %w", path, errors.Unwrap(err))
	} else if info.Size() > maxConfig {
		return file, fmt.Errorf("config %s: larger than 1 MiB", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return file, fmt.Errorf("config %s: %w", path, errors.Unwrap(err))
	}
	if _, err := toml.Decode(string(text), &file.keys); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return file, fmt.Errorf("config %s:%d: %s", path, parse.Position.Line, parse.Message)
		}
		return file, fmt.Errorf("config %s: %w", path, err)
	}
	return file, nil
}

// Validate reports the keys that are no flags.
func (c *configuration) Validate(app *kong.Application) error {
	for _, file := range c.files {
		if err := unknownKeys(file.path, app.Node, file.keys); err != nil {
			return err
		}
	}
	return nil
}

func unknownKeys(path string, node *kong.Node, keys map[string]any) error {
	for _, key := range sortedKeys(keys) {
		table, isTable := keys[key].(map[string]any)
		if isTable {
			i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Type == kong.CommandNode && n.Name == key })
			if i < 0 {
				return fmt.Errorf("config %s: there is no command %q", path, key)
			}
			if err := unknownKeys(path, node.Children[i], table); err != nil {
				return fmt.Errorf("%w, in [%s]", err, key)
			}
			continue
		}
		if !configurable(node, key) {
			return fmt.Errorf("config %s: there is no flag %q", path, key)
		}
	}
	return nil
}

// configurable tells whether a command, or emaudit as a whole, has a flag that
// can stand in a file.
func configurable(node *kong.Node, name string) bool {
	for ; node != nil; node = node.Parent {
		for _, flag := range node.Flags {
			if flag.Name == name {
				return name != "help" && name != "version"
			}
		}
	}
	return false
}

// Resolve returns what the files say of a flag.
func (c *configuration) Resolve(kctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, _ := c.find(kctx, flag)
	return value, nil
}

// find returns what counts most of what the files say of a flag, in the form
// in which a command line would, and the file that says it.
func (c *configuration) find(kctx *kong.Context, flag *kong.Flag) (value any, path string) {
	for _, file := range c.files {
		keys := file.keys
		if v, ok := keys[flag.Name]; ok {
			value, path = v, file.path
		}
		for _, step := range kctx.Path {
			if step.Command == nil {
				continue
			}
			keys, _ = keys[step.Command.Name].(map[string]any)
			if v, ok := keys[flag.Name]; ok {
				value, path = v, file.path
			}
		}
	}
	switch value.(type) {
	case nil, bool, string, []any:
		return value, path
	}
	return fmt.Sprint(value), path
}

// flagOrigins are the flags that do not have their default, with the place that
// decided each: the command line, the environment, or a file.
func flagOrigins(kctx *kong.Context, proc *process, c *configuration) []overview.SettingRow {
	rows := []overview.SettingRow{}
	for _, step := range kctx.Path {
		if step.Flag == nil {
			continue
		}
		row := overview.SettingRow{Name: "--" + step.Flag.Name, Value: fmt.Sprint(step.Flag.Target.Interface()), Source: "the command line"}
		if step.Resolved {
			if name := environmentName(step.Flag); proc.getenv(name) != "" {
				row.Source = name + " of the environment"
			} else if _, path := c.find(kctx, step.Flag); path != "" {
				row.Source = path
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b overview.SettingRow) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(rows, func(a, b overview.SettingRow) bool { return a.Name == b.Name })
}

// environmentName is the variable that sets a flag.
func environmentName(flag *kong.Flag) string {
	return "EMAUDIT_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// environment resolves every flag from EMAUDIT_NAME, so that the process's
// environment is read through [process] alone.
func environment(proc *process) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if value := proc.getenv(environmentName(flag)); value != "" {
			return value, nil
		}
		return nil, nil
	})
}

// sortedKeys returns the keys of a map in their order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
