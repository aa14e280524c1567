// Package config resolves the flags of a command line from files and from the
// environment.
//
// A key at the top of a file has the name of a flag that every command has; a key
// in a table has the name of a flag of the command after which the table is
// called:
//
//	fail-on = "never"
//
//	[audit]
//	fail-on = "warning"
//
// A flag of several commands can have a table of its own, which its tag names
// ([inTable]).
//
// The command line counts more than EMAUDIT_NAME in the environment, that more
// than the user's file, and that more than the machine's. A key that is no flag is
// an error, so that a misspelt one is not silently without effect.
//
// # Trust
//
// What acts is typed, never configured: a flag with the tag "typed" is refused in
// a file and in the environment. Root obeys a file only where nobody else can
// change it ([hostfs.Trusted]).
package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Config is what the files say. It is a [kong.Resolver].
type Config struct {
	// Unused are the errors of files that are there and were not read: they
	// cannot be, or root does not obey them. The others still count.
	Unused []error

	files []file // the one that counts least first
}

// Empty reports whether the files say nothing.
func (c *Config) Empty() bool { return len(c.files) == 0 }

type file struct {
	path string
	keys map[string]any
}

// Validate reports the keys that are no flags, or flags that have to be typed.
func (c *Config) Validate(app *kong.Application) error { return c.Check(app.Node) }

// Check is [Config.Validate] for the grammar of a command line.
func (c *Config) Check(grammar *kong.Node) error {
	for _, f := range c.files {
		if err := f.check(grammar, f.keys); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) check(node *kong.Node, keys map[string]any) error {
	for _, key := range sortedKeys(keys) {
		if table, ok := keys[key].(map[string]any); ok {
			i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Type == kong.CommandNode && n.Name == key })
			if shared := sharedTable(node, key); i < 0 && len(shared) > 0 {
				for _, name := range sortedKeys(table) {
					if !slices.Contains(shared, key+"."+name) {
						return fmt.Errorf("config %s: there is no %q in [%s]", f.path, name, key)
					}
				}
				continue
			}
			if i < 0 {
				return fmt.Errorf("config %s: there is no command %q", f.path, key)
			}
			if err := f.check(node.Children[i], table); err != nil {
				return fmt.Errorf("%w, in [%s]", err, key)
			}
			continue
		}
		switch flag := find(node, key); {
		case flag == nil:
			return fmt.Errorf("config %s: there is no flag %q", f.path, key)
		case typed(flag):
			return fmt.Errorf("config %s: --%s acts, and counts on the command line alone", f.path, key)
		}
	}
	return nil
}

// find returns the flag of a command, or of what is above it, that can stand in a
// file.
func find(node *kong.Node, name string) *kong.Flag {
	if name == "help" || name == "version" {
		return nil
	}
	for ; node != nil; node = node.Parent {
		for _, flag := range node.Flags {
			if flag.Name == name {
				return flag
			}
		}
	}
	return nil
}

// inTable is the tag of a flag that a table sets which is called after no command:
// in:"fleet.hosts" is the key "hosts" of [fleet].
const inTable = "in"

// sharedTable returns the keys of such a table, as in the tags.
func sharedTable(node *kong.Node, name string) (keys []string) {
	for _, flag := range node.Flags {
		if in := flag.Tag.Get(inTable); strings.HasPrefix(in, name+".") {
			keys = append(keys, in)
		}
	}
	for _, child := range node.Children {
		keys = append(keys, sharedTable(child, name)...)
	}
	return keys
}

// typed reports whether a flag counts on the command line alone.
func typed(flag *kong.Flag) bool { return flag.Tag != nil && flag.Tag.Has("typed") }

// Resolve returns what the files say of a flag.
func (c *Config) Resolve(kctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, _ := c.value(kctx, flag)
	return value, nil
}

// value returns what counts most of what the files say of a flag, in the form in
// which a command line would, and the file that says it.
func (c *Config) value(kctx *kong.Context, flag *kong.Flag) (value any, path string) {
	for _, f := range c.files {
		keys := f.keys
		if v, ok := keys[flag.Name]; ok {
			value, path = v, f.path
		}
		if name, key, ok := strings.Cut(flag.Tag.Get(inTable), "."); ok {
			if table, ok := keys[name].(map[string]any); ok && table[key] != nil {
				value, path = table[key], f.path
			}
		}
		for _, step := range kctx.Path {
			if step.Command == nil {
				continue
			}
			keys, _ = keys[step.Command.Name].(map[string]any)
			if v, ok := keys[flag.Name]; ok {
				value, path = v, f.path
			}
		}
	}
	switch value.(type) {
	case nil, bool, string, []any:
		return value, path
	}
	return fmt.Sprint(value), path
}

// Environment resolves every flag from EMAUDIT_NAME.
func Environment(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := variable(flag)
		value := getenv(name)
		switch {
		case value == "":
			return nil, nil
		case typed(flag):
			return nil, fmt.Errorf("%s of the environment: --%s acts, and counts on the command line alone", name, flag.Name)
		}
		return value, nil
	})
}

// variable is the variable of the environment that sets a flag.
func variable(flag *kong.Flag) string {
	return "EMAUDIT_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// CommandLine is the source of what was typed.
const CommandLine = "the command line"

// Origin says which place decided the value of a flag.
type Origin struct {
	Name, Value, Source string
}

// Origins are the flags that do not have their default: set by the command line,
// the environment or a file.
func (c *Config) Origins(kctx *kong.Context, getenv func(string) string) []Origin {
	var all []Origin
	for _, step := range kctx.Path {
		if step.Flag == nil {
			continue
		}
		o := Origin{Name: "--" + step.Flag.Name, Value: fmt.Sprint(step.Flag.Target.Interface()), Source: CommandLine}
		if step.Resolved {
			if name := variable(step.Flag); getenv(name) != "" {
				o.Source = name + " of the environment"
			} else if _, path := c.value(kctx, step.Flag); path != "" {
				o.Source = path
			}
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b Origin) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Origin) bool { return a.Name == b.Name })
}

// sortedKeys returns the keys of a map in their order.
func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
