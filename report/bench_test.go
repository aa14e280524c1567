package report

import (
	"io"
	"iter"
	"testing"
)

func BenchmarkJSON(b *testing.B) {
	type event struct {
		Event     string   `json:"event"`
		CPV       string   `json:"cpv"`
		StartedAt int64    `json:"started_at"`
		Replaced  []string `json:"replaced"`
		Binpkg    *string  `json:"binpkg"`
	}
	const rows = 100_000
	var events iter.Seq2[event, error] = func(yield func(event, error) bool) {
		for range rows {
			if !yield(event{Event: "merge", CPV: "dev-python/setuptools-80.9.0-r1", StartedAt: 1767225600}, nil) {
				return
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		document := NewJSON(io.Discard, Envelope{})
		WriteArray(document, "events", events)
		if err := document.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
