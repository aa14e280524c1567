package vdb

import (
	"strconv"
	"strings"
)

// metadataFormat is the version of the file metadata that this package and Portage
// 3.0.82 know.
const metadataFormat = 1

// metadata is the content of the file metadata.
type metadata struct {
	state  MetadataState
	fields []field
}

// field is one key with its normalized value.
type field struct{ key, value string }

// inMetadata reports whether the file metadata holds a key (vartree.py:76). If a
// valid file lacks such a key, its value is empty.
func inMetadata(key string) bool {
	switch key {
	case "BDEPEND", "BUILD_ID", "BUILD_TIME", "CHOST", "COUNTER", "DEFINED_PHASES",
		"DEPEND", "DESCRIPTION", "EAPI", "HOMEPAGE", "IDEPEND", "IUSE", "KEYWORDS",
		"LICENSE", "PDEPEND", "PROPERTIES", "PROVIDES", "RDEPEND", "REQUIRES",
		"RESTRICT", "SLOT", "USE", "repository":
		return true
	}
	return false
}

// readMetadata reads the file metadata. If its format is known, it returns the
// fields even if the file is not valid.
func (r *reader) readMetadata() metadata {
	m := metadata{state: MetadataUnusable}
	b, ok := r.file("metadata")
	if !ok {
		return m
	}
	text := string(b)
	if strings.IndexByte(text, '\r') >= 0 {
		// Python's universal newlines end a line there.
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	m.fields = make([]field, 0, 24)
	var format, stamp string
	for offset, rest := 0, text; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		start := offset
		offset += len(rest) - len(after)
		rest = after
		if strings.HasPrefix(line, "#") {
			if v, ok := strings.CutPrefix(line, "#format="); ok {
				format = v
			} else if v, ok := strings.CutPrefix(line, "#dir_mtime="); ok {
				stamp = v
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			if line != "" {
				r.diagnose(int64(start), CodeMetadata, "metadata: line without an equals sign: %.80q", line)
			}
			continue
		}
		if inMetadata(key) {
			m.fields = append(m.fields, field{key, r.normalize(key, value)})
		}
	}
	if n, err := strconv.Atoi(strings.TrimSpace(format)); err != nil || n != metadataFormat {
		r.diagnose(0, CodeMetadata, "metadata: format %.20q, only %d is known", format, metadataFormat)
		m.fields = nil
		return m
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(stamp), 10, 64)
	switch {
	case err != nil:
		// Portage writes the stamp last. Without it the file may be incomplete.
		r.diagnose(int64(len(b)), CodeMetadata, "metadata: no dir_mtime at the end: %.40q", stamp)
	case ns == r.p.DirMTimeNS:
		m.state = MetadataFresh
	default:
		m.state = MetadataStale
	}
	return m
}
