package store

// Setting is one of Portage's settings, with where its value came from.
type Setting struct {
	Name, Value, Origin string
}

// PutSettings makes settings those of a host. changedAt is as in
// [Tx.PutConfigLines].
func (tx *Tx) PutSettings(host HostID, settings []Setting, changedAt func(origin string) int64) error {
	lines := make([]ConfigLine, len(settings))
	for i, s := range settings {
		lines[i] = ConfigLine{Kind: LineSetting, Layer: "host", Subject: s.Name, Value: s.Value, Origin: s.Origin}
	}
	_, err := tx.PutConfigLines(host, []ConfigKind{LineSetting}, lines, changedAt)
	return err
}

// Settings returns the settings of a host by name.
func (tx *Tx) Settings(host HostID) ([]Setting, error) {
	lines, err := tx.ConfigLines(host, LineSetting)
	all := make([]Setting, len(lines))
	for i, l := range lines {
		all[i] = Setting{Name: l.Subject, Value: l.Value, Origin: l.Origin}
	}
	return all, err
}
