package store

import "fmt"

// Metadata returns one row of metadata by its id.
func (tx *Tx) Metadata(id int64) (*Metadata, error) {
	set := MetadataSet{}
	if err := tx.loadMetadata(set, "?", id); err != nil {
		return nil, fmt.Errorf("metadata %d: %w", id, err)
	}
	return set[id], nil
}
