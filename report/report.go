// Package report is the output edge of emaudit: it turns findings and answers into
// text for people and into data for programs, and with its rooms it is the only
// package that writes either. An [Answer] has all formats, and [Output] chooses one:
//
//   - text for people, by package screen;
//   - [JSON], one document for programs, complete and exact;
//   - CSV, one table for spreadsheets and for awk, by package table.
//
// # Rules
//
// Data goes to standard output and everything else to standard error, as
// "emaudit: ..." in lower case and without a period. The answer comes first,
// then what to do, then the evidence.
//
// # Untrusted text
//
// Log lines, package names, file names and metadata may be hostile. Every writer
// makes every string harmless: [screen.Clean] for people and for CSV, and escapes
// that mean the same in JSON. A caller hands over the text as it was found.
package report
