package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"emaudit/internal/hostarchive"
	"emaudit/internal/postgrestest"
)

// TestTheDashboardOfAFleetFindsSomething runs every query of contrib/grafana/fleet.json
// as a reader of a fleet that has the recorded host. Each must find a row.
func TestTheDashboardOfAFleetFindsSomething(t *testing.T) {
	host, reader := newFleet(t)
	if _, code, stderr := asHost(t, t.TempDir(), "--root", hostarchive.Alpha(t), "--host", "alpha", "push", host); code != exitClean && code != exitDamaged {
		t.Fatalf("push: exit code %d\n%s", code, stderr)
	}
	text, err := os.ReadFile("../../contrib/grafana/fleet.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	// What Grafana puts in for the macros and variables of the dashboard.
	fill := strings.NewReplacer("${host:sqlstring}", "'alpha'", "$__unixEpochFilter(started_at)", "started_at > 0", "$package", "app-misc/hello")
	queries := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case string:
			if !strings.HasPrefix(v, "SELECT ") {
				return
			}
			queries++
			if err := postgrestest.Try(reader, "DO $test$ BEGIN IF NOT EXISTS ("+fill.Replace(v)+") THEN RAISE 'it finds nothing'; END IF; END $test$"); err != nil {
				t.Errorf("%s: %v", v, err)
			}
		}
	}
	walk(dashboard)
	if queries < 9 {
		t.Errorf("only %d queries were found", queries)
	}
}
