// Package config reads what is configured: Portage's settings, the lists below
// /etc/portage, in the profiles and in the repositories, and package moves. It also
// reads what updates left for a person to do.
package config

import (
	"context"
	"slices"

	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/store"
	"emaudit/store/config"
)

// reader reads the sources of this package.
type reader struct{ *ingest.Reader }

// Settings is the source of Portage's settings.
func Settings(r *ingest.Reader) ingest.Source {
	return ingest.Source{Kind: store.SourceSettings, Path: r.Settings.MakeConf(), Read: reader{r}.settings}
}

// settings stores Portage's settings.
func (r reader) settings(ctx context.Context) ([]ingest.SourceResult, error) {
	result := ingest.SourceResult{Kind: store.SourceSettings, Path: r.Host.Settings.MakeConf(), Condition: store.ConditionRead}
	var lines []config.Line
	for _, s := range r.Host.Settings.All() {
		lines = append(lines, config.Line{Kind: config.LineSetting, Layer: config.LayerHost, Subject: s.Name, Value: s.Value, Origin: s.Source})
	}
	err := r.DB.Update(ctx, func(tx *store.Tx) error {
		known, err := config.Lines(tx, r.ID, config.LineSetting)
		if err != nil {
			return err
		}
		same := func(a, b config.Line) bool {
			return a.Subject == b.Subject && a.Value == b.Value && a.Origin == b.Origin
		}
		if !slices.EqualFunc(known, lines, same) {
			changedAt, err := r.settingsChange(tx, result.Path)
			if err != nil {
				return err
			}
			if _, err := config.PutLines(tx, r.ID, []config.Kind{config.LineSetting}, lines, func(string) int64 { return changedAt }); err != nil {
				return err
			}
		}
		return r.settingsDamage(tx, &result)
	})
	return []ingest.SourceResult{result}, err
}

// settingsChange returns the time since which the current settings apply, and
// records that they were read.
func (r reader) settingsChange(tx *store.Tx, path string) (int64, error) {
	source, _, err := tx.FindSource(r.ID, store.SourceSettings, path)
	if err != nil {
		return 0, err
	}
	latest := int64(0)
	for _, name := range r.Host.Settings.FilesRead() {
		if entry, err := r.Root.Stat(name); err == nil {
			latest = max(latest, entry.MTimeNS)
		}
	}
	at := r.changeTime(source.ReadAt, latest)
	source.Host, source.Kind, source.Path, source.ReadAt = r.ID, store.SourceSettings, path, r.Now
	return at, tx.PutSource(&source)
}

// changeTime returns the time since which the content of a file applies. It is the
// mtime if the file was read before that time, and otherwise the time of this
// ingest.
func (r reader) changeTime(lastRead, mtimeNS int64) int64 {
	if at := mtimeNS / 1e9; lastRead > 0 && lastRead < at && at < r.Now {
		return at
	}
	return r.Now
}

// codeStopped is damage of the settings that keeps emerge from starting.
const codeStopped = "emerge-stopped"

// settingsDamage stores the damage of the settings files. It is stored under the
// most important of these files.
func (r reader) settingsDamage(tx *store.Tx, result *ingest.SourceResult) error {
	source, _, err := tx.FindSource(r.ID, store.SourceSettings, result.Path)
	if err != nil {
		return err
	}
	if source.ID == 0 || source.Condition != store.ConditionRead {
		source = store.Source{Host: r.ID, Kind: store.SourceSettings, Path: result.Path, ReadAt: r.Now}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
	}
	stop, stopped := r.Host.Settings.Stop()
	var diags []parse.Diagnostic
	for _, d := range r.Host.Settings.Diagnostics() {
		if stopped && d == stop {
			d.Code, d.Message = codeStopped, d.Message+"; emerge does not start"
		}
		place := d.File
		if d.Line > 0 {
			place = d.Origin.String()
		}
		d.Message = place + ": " + d.Message
		diags = append(diags, d.Diagnostic)
	}
	result.Damage, err = tx.ReplaceDiagnostics(source.ID, "", diags, r.Now)
	return err
}
