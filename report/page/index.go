package page

import (
	"bytes"
	"fmt"

	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/states"
	"emaudit/report/table"
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
	hosts := make([]states.HostRow, len(rows))
	for i := range rows {
		hosts[i] = rows[i].HostRow
	}
	v := struct {
		Version, Title string
		Generated      pageTime
		Table          *pageTable
	}{version, screen.Count(int64(len(rows)), "host", "hosts"), generated(o), fill(&pageBuilder{Output: o}, &pageTable{ID: "hosts"}, states.HostColumns, table.All(hosts))}
	for i := range rows {
		v.Table.Rows[i][0].Link = rows[i].Link
	}
	cleanText(&v)
	var document bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&document, "index.gohtml", v); err != nil {
		return fmt.Errorf("report index: %w", err)
	}
	_, err := o.W.Write(document.Bytes())
	return err
}
