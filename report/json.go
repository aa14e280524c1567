package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"emaudit/audit"
	"emaudit/report/screen"
)

// SchemaVersion is the version of the JSON that every command writes. It grows
// when a field is renamed or taken away, or an enumeration gets a new value;
// fields may be added without it.
const SchemaVersion = 1

// Diagnostic is damage met in a source, as JSON has it.
type Diagnostic struct {
	// Source is the path of the file.
	Source string `json:"source"`
	// Offset is the position in it, in bytes.
	Offset int64 `json:"offset"`
	// Code is stable and kebab-case; docs/findings.md has a section for it.
	Code string `json:"code"`
	// Message is one line of text.
	Message string `json:"message"`
}

// Envelope is the beginning of the JSON of every command.
type Envelope struct {
	Command string
	Host    string
	Root    string
	// GeneratedAt is the moment of the answer in unix seconds.
	GeneratedAt int64
	Findings    []audit.Finding
	Diagnostics []Diagnostic
}

// JSON writes one JSON object: the envelope, and then the keys of the command in the
// order of the calls. Each element of an array has its own line, so that a document can
// be searched and compared by line, and need not be in memory as a whole.
//
//   - Arrays and objects are never null: a nil slice is [], a nil map is {}. Only
//     pointers and interfaces may be null.
//   - Bytes that are not valid UTF-8 become U+FFFD, since JSON has no other way.
//   - Characters that would act on a terminal (see [screen.Clean]) are written as \u
//     escapes: a program reads the same text, and a person is not harmed.
//   - Keys of an object are written in the order of the fields of its struct.
//
// The first error ends the output; [JSON.Close] returns it. A JSON is not safe
// for use by several goroutines.
type JSON struct {
	out     *bufio.Writer
	encoder inertEncoder
	keys    map[string]bool
	section string // whose keys are written, see [Checks]; "" = the answer's
	err     error
}

// jsonBuffer is the size of the output buffer.
const jsonBuffer = 64 << 10

// NewJSON returns a JSON that writes to w, and begins the object with the
// envelope.
func NewJSON(w io.Writer, envelope Envelope) *JSON {
	j := &JSON{out: bufio.NewWriterSize(w, jsonBuffer), keys: make(map[string]bool)}
	j.write([]byte("{"))
	j.Value("schema_version", SchemaVersion)
	j.Value("command", envelope.Command)
	j.Value("host", envelope.Host)
	j.Value("root", envelope.Root)
	j.Value("generated_at", envelope.GeneratedAt)
	j.Value("findings", envelope.Findings)
	j.Value("diagnostics", envelope.Diagnostics)
	return j
}

// Value writes one key. A slice is written with a line for each element.
func (j *JSON) Value(key string, value any) {
	v := reflect.ValueOf(value)
	if !v.IsValid() || v.Kind() != reflect.Slice || marshalsItself(v.Type()) {
		j.key(key)
		j.element(value)
		return
	}
	WriteArray(j, key, func(yield func(any, error) bool) {
		for i := range v.Len() {
			if !yield(v.Index(i).Interface(), nil) {
				return
			}
		}
	})
}

// WriteArray writes one key whose value is the array of what elements yields.
// Elements are written as they come, so that they are never held together. An
// error that is yielded ends the output.
func WriteArray[T any](j *JSON, key string, elements iter.Seq2[T, error]) {
	j.key(key)
	j.write([]byte("["))
	separator := "\n"
	for element, err := range elements {
		if err != nil {
			j.fail(err)
		}
		if j.err != nil {
			return
		}
		j.write([]byte(separator))
		j.element(element)
		separator = ",\n"
	}
	j.write([]byte("]"))
}

// Fields writes each field of a struct, or of what a pointer to one points to, as
// a key of its own, as encoding/json names and orders them. Of the options of a
// json tag, omitempty and omitzero leave out a field that is zero.
func (j *JSON) Fields(answer any) {
	v := reflect.ValueOf(answer)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		j.fail(fmt.Errorf("json: %T is not a struct", answer))
		return
	}
	for _, field := range reflect.VisibleFields(v.Type()) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" || field.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		value, err := v.FieldByIndexErr(field.Index)
		if err != nil || strings.Contains(options, "omit") && value.IsZero() {
			continue // promoted through a nil pointer, or wanted only when set
		}
		j.Value(name, value.Interface())
	}
}

// Close ends the object, writes out what is buffered and returns the first error
// met. It does not close the underlying writer.
func (j *JSON) Close() error {
	j.write([]byte("}\n"))
	if j.err != nil {
		return j.err
	}
	return j.out.Flush()
}

// key begins a key on a line of its own. Every key may be written once.
func (j *JSON) key(name string) {
	if j.keys[name] && j.section != "" {
		name = j.section + "_" + name
	}
	if j.keys[name] {
		j.fail(fmt.Errorf("json: key %q written twice", name))
		return
	}
	if len(j.keys) > 0 {
		j.write([]byte(",\n"))
	}
	j.keys[name] = true
	j.element(name)
	j.write([]byte(":"))
}

// element writes a value on one line.
func (j *JSON) element(value any) {
	if j.err != nil {
		return
	}
	data, err := j.encoder.encode(value)
	if err != nil {
		j.fail(err)
		return
	}
	j.write(data)
}

// write writes finished JSON, unless an error ended the output.
func (j *JSON) write(data []byte) {
	if j.err != nil {
		return
	}
	if _, err := j.out.Write(data); err != nil {
		j.err = err
	}
}

// fail keeps the first error.
func (j *JSON) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

// inertEncoder writes values as JSON without null arrays and without characters
// that act on a terminal. It keeps its memory between values.
type inertEncoder struct {
	buffer  bytes.Buffer
	encoder *json.Encoder
}

// encode returns the JSON of value on one line, valid until the next call.
func (e *inertEncoder) encode(value any) ([]byte, error) {
	if e.encoder == nil {
		e.encoder = json.NewEncoder(&e.buffer)
		// < and & are harmless: JSON of emaudit is never part of a page.
		e.encoder.SetEscapeHTML(false)
	}
	e.buffer.Reset()
	if err := e.encoder.Encode(withoutNil(value)); err != nil {
		return nil, err
	}
	return escapeActing(bytes.TrimSuffix(e.buffer.Bytes(), []byte("\n"))), nil
}

// escapeActing replaces the characters that act on a terminal by their \u
// escapes. In JSON they occur only inside of strings, where both mean the same;
// those below U+0020 are escaped already.
func escapeActing(data []byte) []byte {
	for i := 0; i < len(data); {
		if data[i] < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if !screen.Acts(r) {
			i += size
			continue
		}
		escaped := append([]byte(nil), data[:i]...)
		for _, r := range string(data[i:]) {
			switch {
			case r < 0x7f || !screen.Acts(r):
				escaped = utf8.AppendRune(escaped, r)
			case r > 0xffff:
				high, low := utf16.EncodeRune(r)
				escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, high, low)
			default:
				escaped = fmt.Appendf(escaped, `\u%04x`, r)
			}
		}
		return escaped
	}
	return data
}
