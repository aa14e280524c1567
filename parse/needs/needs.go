// Package needs reads what another host must still be able to get from a
// folder of binary packages: the JSON of "emaudit needs".
//
// # Grammar
//
// One JSON object (RFC 8259). Parse reads the keys "schema_version", "command", "host",
// "host_id", "known_until", "valid_until" and "needs", an array of objects, each of
// which describes one build (docs/schema/needs.json). It ignores other keys, so that a
// later version can add some.
//
// # Damage
//
// A file can be incomplete, hostile or written by a later version. Parse returns the
// builds before the damage, because a build in the list can only keep a file. It reports
// the damage; a caller must treat a list with damage as incomplete.
package needs

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// SchemaVersion is the only version of the JSON that Parse accepts.
const SchemaVersion = 1

// The limits of one file. More is damage.
const (
	MaxBytes   = 32 << 20 // of a file; 2,000 packages in 10 states take 6 MB
	MaxBuilds  = 200_000  // of a host
	maxReasons = 1_000    // of one build
	maxText    = 1_000    // bytes of a name, a path or a pin
)

// Why says why a host needs a build.
type Why string

// The reasons, the strongest first.
const (
	Installed Why = "installed"  // it is installed
	Pinned    Why = "pinned"     // it belongs to a pinned state
	KeptState Why = "kept-state" // it belongs to a state that the host can be rolled back to
	Important Why = "important"  // as KeptState, for packages of system, toolchain and boot
)

// Reason is one reason for a need.
type Reason struct {
	Why  Why    `json:"reason"`
	Run  *int64 `json:"run"`      // of KeptState and Important: the state before this run
	Time *int64 `json:"state_at"` // of that state, unix seconds
	Pin  string `json:"pin"`      // of Pinned: the name
}

// Build is a build that a host must still be able to get.
type Build struct {
	CPV       string   `json:"cpv"`
	BuildTime int64    `json:"build_time"` // unix seconds; 0 = not known
	BuildID   int64    `json:"build_id"`   // 0 = none, or not known
	Repo      string   `json:"repo"`
	MD5       string   `json:"md5"`  // of the file, in hex; "" = not known
	SHA1      string   `json:"sha1"` // the same
	Size      int64    `json:"size"` // of the file in bytes; 0 = not known
	Reasons   []Reason `json:"reasons"`
}

// Compare sorts builds by their package, and the newest first.
func Compare(a, b Build) int {
	return cmp.Or(strings.Compare(a.CPV, b.CPV), cmp.Compare(b.BuildTime, a.BuildTime), cmp.Compare(b.BuildID, a.BuildID))
}

// Strongest returns the strongest reason, and the first one of equal strength.
func Strongest(reasons []Reason) Reason {
	for _, why := range []Why{Installed, Pinned, KeptState, Important} {
		if i := slices.IndexFunc(reasons, func(r Reason) bool { return r.Why == why }); i >= 0 {
			return reasons[i]
		}
	}
	if len(reasons) > 0 {
		return reasons[0] // of a later version
	}
	return Reason{}
}

// List is what one host must still be able to get.
type List struct {
	Host       string `json:"-"`
	HostID     string `json:"host_id"`
	KnownUntil int64  `json:"known_until"` // its last ingest, unix seconds
	ValidUntil int64  `json:"valid_until"` // when the list becomes invalid, unix seconds
	Builds     []Build
}

// File is a file with a list. Err says why nothing could be read, and Damage what is
// wrong with a list that was read, at least in part.
type File struct {
	Path   string
	List   List
	Damage []parse.Diagnostic
	Err    error
}

// header has the keys that identify the document.
type header struct {
	schema  int
	command string
}

// Parse reads a list. It returns what it read before the damage, if there is any.
func Parse(text []byte) (List, []parse.Diagnostic) {
	p := parser{decoder: json.NewDecoder(bytes.NewReader(text))}
	err := p.object()
	switch {
	case len(text) > MaxBytes:
		p.report("it has %d bytes, more than %d", len(text), MaxBytes)
	case err != nil:
		p.report("%s", cause(err))
	case p.header.command != "needs":
		p.report("it is not the JSON of \"emaudit needs\"")
	case p.header.schema != SchemaVersion:
		p.report("its schema is %d, and this emaudit knows %d", p.header.schema, SchemaVersion)
	case p.list.Host == "" || p.list.KnownUntil <= 0 || p.list.ValidUntil <= 0:
		p.report("it does not say of which host it is, or until when it is known and valid")
	}
	return p.list, p.damage
}

// cause returns an error of encoding/json without the terms of Go.
func cause(err error) string {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Sprintf("%s is a %s, not what it has to be", mismatch.Field, mismatch.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

type parser struct {
	decoder *json.Decoder
	header  header
	list    List
	damage  []parse.Diagnostic
}

// maxDamage is the largest number of reported problems of a file.
const maxDamage = 20

func (p *parser) report(format string, args ...any) {
	if len(p.damage) < maxDamage {
		p.damage = append(p.damage, parse.Diagnosef(p.decoder.InputOffset(), "needs-damaged", format, args...))
	}
}

// object reads the document.
func (p *parser) object() error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for p.decoder.More() {
		key, err := p.decoder.Token()
		if err != nil {
			return err
		}
		switch key {
		case "schema_version":
			err = p.decoder.Decode(&p.header.schema)
		case "command":
			err = p.decoder.Decode(&p.header.command)
		case "host":
			err = p.text(&p.list.Host)
		case "host_id":
			err = p.text(&p.list.HostID)
		case "known_until":
			err = p.decoder.Decode(&p.list.KnownUntil)
		case "valid_until":
			err = p.decoder.Decode(&p.list.ValidUntil)
		case "needs":
			err = p.builds()
		default:
			var ignored json.RawMessage
			err = p.decoder.Decode(&ignored)
		}
		if err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p *parser) delim(want json.Delim) error {
	token, err := p.decoder.Token()
	if err == nil && token != want {
		err = fmt.Errorf("%v where %v has to be", token, want)
	}
	return err
}

func (p *parser) text(to *string) error {
	err := p.decoder.Decode(to)
	if err == nil && len(*to) > maxText {
		*to = ""
		err = fmt.Errorf("a text of more than %d bytes", maxText)
	}
	return err
}

func (p *parser) builds() error {
	if err := p.delim('['); err != nil {
		return err
	}
	for p.decoder.More() {
		if len(p.list.Builds) == MaxBuilds {
			return fmt.Errorf("more than %d builds", MaxBuilds)
		}
		var b Build
		if err := p.decoder.Decode(&b); err != nil {
			return err
		}
		if why := b.invalid(); why != "" {
			p.report("%s", why)
			continue
		}
		p.list.Builds = append(p.list.Builds, b)
	}
	return p.delim(']')
}

// invalid says what is wrong with a build; "" means that it is valid.
func (b *Build) invalid() string {
	switch _, err := atom.ParseCPV(b.CPV); {
	case len(b.CPV) > maxText || err != nil:
		return fmt.Sprintf("%.100q is no package with a version", b.CPV)
	case b.BuildTime < 0 || b.BuildID < 0 || b.Size < 0:
		return fmt.Sprintf("%s has a negative time, build id or size", b.CPV)
	case !digest(b.MD5, 16) || !digest(b.SHA1, 20):
		return fmt.Sprintf("%s has a digest that is none", b.CPV)
	case len(b.Repo) > maxText || len(b.Reasons) > maxReasons:
		return fmt.Sprintf("%s has a repository or reasons beyond all measure", b.CPV)
	}
	for _, r := range b.Reasons {
		if len(r.Pin) > maxText || len(r.Why) > maxText {
			return fmt.Sprintf("%s has a reason beyond all measure", b.CPV)
		}
	}
	return ""
}

// digest reports whether a text is a hexadecimal digest of that many bytes, or empty.
func digest(text string, size int) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && (len(raw) == size || len(raw) == 0)
}
