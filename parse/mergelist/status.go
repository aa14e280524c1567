package mergelist

import (
	"encoding/json"
	"fmt"
)

// Status is the live status of one running emerge.
type Status struct {
	PID   int    `json:"emerge_pid"`
	Jobs  Jobs   `json:"jobs"`
	Tasks []Task `json:"tasks"`
}

// Jobs counts the jobs of an emerge.
type Jobs struct {
	Running   int `json:"running"`
	Completed int `json:"completed"`
	Total     int `json:"total"`
	Failed    int `json:"failed"`
	MergeWait int `json:"merge_wait"`
}

// Task is one package in progress.
type Task struct {
	CPV       string   `json:"cpv"`
	Root      string   `json:"root"`
	Binary    bool     `json:"binary"`
	Kind      string   `json:"kind"`  // build, merge
	Phase     string   `json:"phase"` // an ebuild phase, merge-wait, or empty
	MergeWait bool     `json:"merge_wait"`
	StartTime *float64 `json:"start_time"` // unix seconds
	Elapsed   *float64 `json:"elapsed"`
}

// statusSchema is the schema that this package reads.
const statusSchema = 1

// ParseStatus reads a live status. A different schema is an error, because its
// numbers may have another meaning.
func ParseStatus(data []byte) (*Status, error) {
	var raw struct {
		Type   string `json:"type"`
		Schema int    `json:"schema"`
		Status
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	if raw.Type != "snapshot" || raw.Schema != statusSchema {
		return nil, fmt.Errorf("status: %s of schema %d, want snapshot of schema %d", raw.Type, raw.Schema, statusSchema)
	}
	return &raw.Status, nil
}
