// Package report is the output edge of emaudit: it turns findings and answers
// into text for people and into data for programs, and it is the only package
// that writes either.
//
// Three writers share the work, one for each kind of reader:
//
//   - [Screen] writes text for people: tables, findings, a summary, steps and
//     key/value blocks;
//   - [JSON] writes one document for programs, complete and exact;
//   - [CSV] writes one table for spreadsheets and for awk.
//
// [Messages] writes what belongs on standard error: errors, warnings, hints and
// the one line of progress.
//
// # Rules
//
// Data goes to standard output and everything else to standard error, as
// "emaudit: ..." in lower case and without a period. The answer comes first,
// then what to do, then the evidence. Colour only underlines what the words
// already say, so that nothing is lost without it. A table on a page of known
// width fits that page; on a pipe it is not cut, because what reads a pipe
// needs all of it. What is meant to be copied, a command or the subject of a
// finding, is never cut and never broken.
//
// # Untrusted text
//
// Log lines, package names, file names and metadata may be hostile. Every writer
// here passes every string through the one place that makes it harmless, so
// that no caller can forget it: [Clean] for people and for CSV, and escapes
// that mean the same in JSON. A caller hands over the text as it was found.
//
// # Facts about the outside
//
// Nothing in this package reads the environment, the clock or the terminal:
// command emaudit looks once and hands over a [Terminal] value.
package report
