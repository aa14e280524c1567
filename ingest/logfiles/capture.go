package logfiles

import (
	"context"
	"fmt"
	"strings"
	"time"

	"emaudit/ingest"
	"emaudit/parse/mergelog"
	"emaudit/store"
	"emaudit/store/logs"
)

// capture records the failed merges in a captured session. If the log of such a
// merge is also known, the audit uses the log, because it has more detail.
func (r reader) capture(ctx context.Context, c ingest.Capture) ([]ingest.SourceResult, error) {
	in, err := c.Open()
	if err != nil {
		return r.RecordAbsent(ctx, store.SourceCapture, c.Path, err)
	}
	defer in.Close()
	meter := r.StartProgress("capture", c.Size, true)
	defer meter.Done()
	text, damage := gunzipped(&meteredReader{ctx: ctx, r: in, meter: meter}, strings.HasSuffix(c.Path, ".gz"))
	capture, err := mergelog.ReadCapture(&bounded{text, maxOutput})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return r.RecordAbsent(ctx, store.SourceCapture, c.Path, err)
	}
	diags := append(capture.Diagnostics, damage()...)
	result := ingest.SourceResult{Kind: store.SourceCapture, Path: c.Path, Condition: store.ConditionRead, Read: capture.Size, Changed: true}
	failures := 0
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		source := store.Source{Host: r.ID, Kind: store.SourceCapture, Path: c.Path, Size: c.Size, MTimeNS: c.MTimeNS, Position: capture.Size, ReadAt: r.Now}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
		if result.Damage, err = tx.ReplaceDiagnostics(source.ID, "", diags, r.Now); err != nil {
			return err
		}
		failures = 0
		for _, m := range capture.Merges {
			if m.Failure == nil {
				continue
			}
			failures++
			file := logs.OutputFile{Source: source.ID, Incarnation: m.Offset, Size: c.Size, MTimeNS: c.MTimeNS, ReadAt: r.Now}
			if err := logs.PutOutputFile(tx, &file); err != nil {
				return err
			}
			if err := logs.PutBuildLog(tx, r.ID, capturedLog(c, m, file.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", c.Path, err)
	}
	result.Summary = fmt.Sprintf("%d merges, %d failures shown", len(capture.Merges), failures)
	return []ingest.SourceResult{result}, nil
}

// capturedLog returns the merge of a captured session in the form of a build log.
func capturedLog(c ingest.Capture, m *mergelog.CapturedMerge, file int64) *logs.BuildLog {
	kind := mergelog.KindSource
	if m.Binary {
		kind = mergelog.KindBinary
	}
	return &logs.BuildLog{
		File: file, Path: c.Path, CPV: m.CPV, WrittenAt: c.MTimeNS / int64(time.Second),
		Log: mergelog.BuildLog{
			Kind: kind, Outcome: mergelog.OutcomeFailed, CPV: m.CPV, Repository: m.Repository, Attempts: 1, Failure: m.Failure,
			BuildDirBytes: -1, InstalledBytes: -1,
		},
	}
}
