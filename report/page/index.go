package page

import (
	"bytes"
	"fmt"
	"time"

	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/states"
)

// IndexRow is one host of [Index]. Link is the address of its page, "" where it has
// none.
type IndexRow struct {
	states.HostRow
	Link string
}

// Index writes the page that leads to the pages of several hosts: a row a host, in
// the order of rows. It needs no other file, as [Page].
func Index(rows []IndexRow, version string, o report.Output) error {
	type line struct {
		Link, Host, Rollback, Role, Failures, Uncovered, Installed, Size, Updated, Synced, Known string
		Stale                                                                                    bool
	}
	v := struct {
		Version, Title, Generated, Machine string
		Rows                               []line
	}{
		Version: version, Title: screen.Count(int64(len(rows)), "host", "hosts"),
		Generated: o.Terminal.Time(o.Envelope.GeneratedAt), Machine: time.Unix(o.Envelope.GeneratedAt, 0).UTC().Format(time.RFC3339),
	}
	moment := func(at *int64) string {
		if at == nil || *at == 0 {
			return "never"
		}
		return o.Terminal.Time(*at)
	}
	for i := range rows {
		r := &rows[i]
		l := line{
			Link: r.Link, Host: screen.Clean(r.Name), Rollback: "none", Failures: screen.Number(int64(r.FailuresOpen)), Uncovered: screen.Number(int64(r.Uncovered)),
			Installed: screen.Number(int64(r.Installed)), Size: screen.Size(r.Bytes), Updated: moment(r.LastUpdate), Synced: moment(r.LastSync), Known: moment(&r.KnownUntil), Stale: r.Stale,
		}
		if r.Rollback != nil {
			cell := states.ReadinessWords[*r.Rollback]
			l.Rollback, l.Role = cell.Text, screen.RoleNames[cell.Role]
		}
		v.Rows = append(v.Rows, l)
	}
	var document bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&document, "index.gohtml", v); err != nil {
		return fmt.Errorf("report index: %w", err)
	}
	_, err := o.W.Write(document.Bytes())
	return err
}
