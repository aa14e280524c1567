package store

import (
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"strings"
)

// Metadata is the metadata of a build, with Portage's keys. The VDB entry and the
// binary package of one build have the same metadata and share one row. An absent
// key is "", because Portage treats it like an empty one.
type Metadata struct {
	EAPI          string
	Use           string // USE: the enabled flags, including implicit ones
	IUse          string // IUSE, with + and - defaults
	IUseEffective string
	Keywords      string
	License       string
	Properties    string
	Restrict      string
	CHost         string
	CFlags        string
	CXXFlags      string
	Features      string
	BDepend       string
	Depend        string
	RDepend       string
	PDepend       string
	IDepend       string
	Requires      string
	Provides      string
	DefinedPhases string
	Description   string
	InstallMask   string // PKG_INSTALL_MASK of the build, which excludes files
}

// metadataColumns names the columns of table metadata in the order of
// [Metadata.fields], which is also the order of the digest. A new column requires a
// migration that computes the digests again.
const metadataColumns = "eapi, use, iuse, iuse_effective, keywords, license, properties, restrict_, chost, cflags, cxxflags, features, " +
	"bdepend, depend, rdepend, pdepend, idepend, requires, provides, defined_phases, description, install_mask"

const metadataFields = 22

func (m *Metadata) fields() [metadataFields]*string {
	return [metadataFields]*string{
		&m.EAPI, &m.Use, &m.IUse, &m.IUseEffective, &m.Keywords, &m.License, &m.Properties, &m.Restrict, &m.CHost, &m.CFlags, &m.CXXFlags, &m.Features,
		&m.BDepend, &m.Depend, &m.RDepend, &m.PDepend, &m.IDepend, &m.Requires, &m.Provides, &m.DefinedPhases, &m.Description, &m.InstallMask,
	}
}

// digest returns the SHA-256 of the length-prefixed fields.
func (m *Metadata) digest() []byte {
	h := sha256.New()
	var n [4]byte
	var buf []byte
	for _, f := range m.fields() {
		binary.BigEndian.PutUint32(n[:], uint32(len(*f)))
		buf = append(append(buf, n[:]...), *f...)
	}
	h.Write(buf)
	return h.Sum(nil)
}

// MetadataID is [Tx.MetadataIDs] for one.
func (tx *Tx) MetadataID(m *Metadata) (int64, error) {
	ids, err := tx.MetadataIDs([]*Metadata{m})
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// MetadataIDs returns the ids of the rows with the contents of all. It inserts new
// rows, many at a time.
func (tx *Tx) MetadataIDs(all []*Metadata) ([]int64, error) {
	var next int64
	if err := tx.QueryRow("SELECT coalesce(max(id), 0) FROM metadata").Scan(&next); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	none := next == 0
	ids, entered := make([]int64, len(all)), map[string]int64{}
	rows := tx.Bulk("metadata", append([]string{"id", "digest"}, strings.Split(metadataColumns, ", ")...)...)
	args := make([]any, 0, metadataFields+2)
	for i, m := range all {
		digest := m.digest()
		id, known := entered[string(digest)]
		if !known && !none {
			missing, err := NoRow(tx.QueryRow("SELECT id FROM metadata WHERE digest = ?", digest).Scan(&id))
			if err != nil {
				return nil, fmt.Errorf("metadata: %w", err)
			}
			known = !missing
		}
		if !known {
			next++
			id = next
			args = append(args[:0], id, digest)
			for _, f := range m.fields() {
				args = append(args, *f)
			}
			if err := rows.Add(args...); err != nil {
				return nil, fmt.Errorf("metadata: %w", err)
			}
		}
		ids[i], entered[string(digest)] = id, id
	}
	if err := rows.Flush(); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return ids, nil
}

// MetadataSet holds rows of metadata by id. Packages with the same metadata share
// the memory.
type MetadataSet map[int64]*Metadata

// buildColumns are the columns that only a build needs or a person reads. They are
// most of the bytes.
var buildColumns = map[string]bool{"features": true, "bdepend": true, "depend": true, "description": true}

// LoadMetadata adds the rows with the ids of a subquery to set.
func (tx *Tx) LoadMetadata(set MetadataSet, ids string, args ...any) error {
	return tx.loadMetadata(set, nil, ids, args...)
}

// LoadRuntimeMetadata is like [Tx.LoadMetadata], but leaves FEATURES, DEPEND, BDEPEND
// and DESCRIPTION empty.
func (tx *Tx) LoadRuntimeMetadata(set MetadataSet, ids string, args ...any) error {
	return tx.loadMetadata(set, buildColumns, ids, args...)
}

func (tx *Tx) loadMetadata(set MetadataSet, without map[string]bool, ids string, args ...any) error {
	columns := "id"
	var wanted []int // indices in Metadata.fields
	for i, c := range strings.Split(metadataColumns, ", ") {
		if !without[c] {
			columns += ", " + c
			wanted = append(wanted, i)
		}
	}
	texts := Strings{}
	return tx.RawQuery(func(row []driver.Value) error {
		m := new(Metadata)
		fields := m.fields()
		for i, field := range wanted {
			*fields[field] = texts.Text(row[i+1])
		}
		set[Number(row[0], 0)] = m
		return nil
	}, "SELECT "+columns+" FROM metadata WHERE id IN ("+ids+")", args...)
}

// MetadataUse returns the enabled USE flags of one row. It returns "" for id 0,
// which means unreadable metadata.
func (tx *Tx) MetadataUse(id int64) (string, error) {
	var use string
	if id == 0 {
		return "", nil
	}
	err := tx.QueryRow("SELECT use FROM metadata WHERE id = ?", id).Scan(&use)
	return use, err
}

// Metadata returns one row of metadata by its id.
func (tx *Tx) Metadata(id int64) (*Metadata, error) {
	set := MetadataSet{}
	if err := tx.LoadMetadata(set, "?", id); err != nil {
		return nil, fmt.Errorf("metadata %d: %w", id, err)
	}
	if set[id] == nil {
		return nil, fmt.Errorf("metadata %d: %w", id, sql.ErrNoRows)
	}
	return set[id], nil
}
