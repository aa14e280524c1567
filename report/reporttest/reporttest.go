// Package reporttest checks what emaudit writes for programs against the promises
// that it makes for every command: it is for the tests of all packages that write
// JSON.
package reporttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// envelope holds the keys with which every document begins, in their order.
var envelope = []string{"schema_version", "command", "host", "root", "generated_at", "findings", "diagnostics"}

// nullable holds the keys whose value may be null, wherever they stand. No array
// is among them.
var nullable = []string{
	"binpkg", "build_id", "build_time", "compressor", "cpv", "ended_at", "ends_at",
	"exit_status", "ended_at", "from", "from_build_time", "instance", "run",
	"seconds", "started_at", "to", "to_build_time", "use_equal",
}

// JSON reports every promise that document does not keep: it is one object that
// begins with the envelope, no key occurs twice in an object, null stands only
// where the documentation allows it, keys are snake_case, and nothing in it acts
// on a terminal.
func JSON(tb testing.TB, document []byte) {
	tb.Helper()
	for _, broken := range Broken(document) {
		tb.Errorf("JSON: %s", broken)
	}
}

// Broken returns the promises that document does not keep.
func Broken(document []byte) []string {
	c := checker{decoder: json.NewDecoder(bytes.NewReader(document))}
	c.decoder.UseNumber()
	c.value("$", "")
	if _, err := c.decoder.Token(); err != io.EOF {
		c.report("$", "is followed by more")
	}
	if len(c.top) < len(envelope) || !slices.Equal(c.top[:len(envelope)], envelope) {
		c.report("$", "begins with the keys %q, want %q", c.top[:min(len(c.top), len(envelope))], envelope)
	}
	for _, r := range string(document) {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Bidi_Control) {
			c.report("$", "holds %U as it is", r)
			break
		}
	}
	return c.broken
}

// checker walks a document token by token, because only tokens show keys that
// occur twice.
type checker struct {
	decoder *json.Decoder
	top     []string // the keys of the outermost object
	broken  []string
	ended   bool
}

func (c *checker) report(path, format string, args ...any) {
	c.broken = append(c.broken, path+" "+fmt.Sprintf(format, args...))
}

// value checks the next value, which stands at path under key.
func (c *checker) value(path, key string) {
	token, err := c.decoder.Token()
	if err != nil {
		c.report(path, "cannot be read: %v", err)
		c.ended = true
		return
	}
	if path == "$" && token != json.Delim('{') {
		c.report(path, "is not an object")
	}
	switch token {
	case nil:
		if !slices.Contains(nullable, key) {
			c.report(path, "is null")
		}
	case json.Delim('['):
		for i := 0; c.decoder.More() && !c.ended; i++ {
			c.value(fmt.Sprintf("%s[%d]", path, i), "")
		}
		c.close(path)
	case json.Delim('{'):
		c.object(path)
	default:
		if path == "$.findings" || path == "$.diagnostics" {
			c.report(path, "is not an array")
		}
	}
}

// object checks the rest of an object.
func (c *checker) object(path string) {
	seen := make(map[string]bool)
	for c.decoder.More() && !c.ended {
		token, err := c.decoder.Token()
		if err != nil {
			c.report(path, "cannot be read: %v", err)
			c.ended = true
			return
		}
		key := token.(string)
		if seen[key] {
			c.report(path, "has the key %q twice", key)
		}
		seen[key] = true
		if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			c.report(path, "has the key %q, which is not snake_case", key)
		}
		if path == "$" {
			c.top = append(c.top, key)
		}
		c.value(path+"."+key, key)
	}
	c.close(path)
}

// close takes the token that ends an array or an object.
func (c *checker) close(path string) {
	if c.ended {
		return
	}
	if _, err := c.decoder.Token(); err != nil {
		c.report(path, "cannot be read: %v", err)
		c.ended = true
	}
}
