package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/BurntSushi/toml"

	"emaudit/hostfs"
)

// System is the configuration file of the machine.
const System = "/etc/emaudit/config.toml"

// maxBytes bounds a configuration file: one larger is something else.
const maxBytes = 1 << 20

// Read reads the machine's file and the user's. EMAUDIT_CONFIG names another file
// in place of both. asRoot has only such files read that root alone can change.
//
// A file with an error in it, and a named one that does not exist, end it: the
// user is there to correct them. One that cannot be read is among
// [Config.Unused].
func Read(getenv func(string) string, asRoot bool) (*Config, error) {
	paths := []string{System}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		paths = append(paths, filepath.Join(dir, "emaudit", "config.toml"))
	} else if home := getenv("HOME"); filepath.IsAbs(home) {
		paths = append(paths, filepath.Join(home, ".config", "emaudit", "config.toml"))
	}
	named := getenv("EMAUDIT_CONFIG")
	if named != "" {
		paths = []string{named}
	}
	c := &Config{}
	for _, path := range paths {
		text, err := readFile(path, asRoot)
		switch {
		case errors.Is(err, fs.ErrNotExist) && named == "":
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, err
		case err != nil:
			c.Unused = append(c.Unused, err)
			continue
		}
		f := file{path: path, keys: map[string]any{}}
		if _, err := toml.Decode(string(text), &f.keys); err != nil {
			var parse toml.ParseError
			if errors.As(err, &parse) {
				return nil, fmt.Errorf("config %s:%d: %s", path, parse.Position.Line, parse.Message)
			}
			return nil, fmt.Errorf("config %s: %w", path, err)
		}
		c.files = append(c.files, f)
	}
	return c, nil
}

// disobeyedError is the answer to a file that others than root can change.
type disobeyedError struct {
	error
	hint string
}

func (e disobeyedError) Unwrap() error { return e.error }

// Hint is what to do about it.
func (e disobeyedError) Hint() string { return e.hint }

func disobeyed(path string, err error) error {
	hint := "keep it where root alone can write, as in " + System + ", and name it with EMAUDIT_CONFIG=FILE; with sudo, -H leaves out the file of the user"
	var untrusted *hostfs.UntrustedError
	if errors.As(err, &untrusted) && untrusted.Path == path {
		hint = "chown root " + path + "; chmod go-w " + path
	}
	return disobeyedError{err, hint}
}

// readFile reads a file that may be anything: a FIFO without a writer, a device
// without an end, a file of somebody else.
func readFile(path string, asRoot bool) ([]byte, error) {
	text, err := func() ([]byte, error) {
		if asRoot {
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, err
			}
			if err := hostfs.Trusted(abs, false); err != nil {
				// A folder of somebody else without a file says nothing.
				if _, missing := os.Lstat(abs); errors.Is(missing, fs.ErrNotExist) {
					return nil, missing
				}
				return nil, disobeyed(abs, err)
			}
		}
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil {
			return nil, err
		} else if !info.Mode().IsRegular() {
			return nil, errors.New("not a regular file")
		}
		text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
		if err == nil && len(text) > maxBytes {
			return nil, errors.New("larger than 1 MiB")
		}
		return text, err
	}()
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", path, err)
	}
	return text, nil
}
