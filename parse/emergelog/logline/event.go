// Package logline recognises the lines of emerge.log. The documentation of package
// emergelog has their grammar.
package logline

// Kind is the type of a line in the log.
type Kind uint8

// The kinds of lines, in the order in which a run writes them.
const (
	// Other is a well-formed line with a message that no known Portage writes.
	Other Kind = iota
	Started
	Args         // Text: the arguments
	Continuation // Text: the rest of an argument with a newline
	Resuming
	Finished
	Exiting // Text: the status; "0" for "exiting successfully."
	Terminating
	Restarting
	Regen
	Depclean
	Inject // Name: cpv
	LowSpace
	Begin           // Name: cpv, Text: root
	Cleaning        // Name: cpv, Text: ebuild
	Compiling       // Name: cpv, Text: ebuild
	Packaging       // Name: cpv, Text: ebuild; compiles and creates a binary package
	Usage           // Name: cpv, Text: the pairs
	Merging         // Name: cpv, Text: ebuild
	FetchingBinary  // Name: cpv, Text: file
	MergingBinary   // Name: cpv, Text: file
	Autoclean       // Name: cat/pn, Text: slot
	NothingUnmerged // end of an AUTOCLEAN without unmerge, until 2008-03
	Unmerging       // Name: cpv; OneBlank
	Unmerged        // Name: cpv
	UnmergeFailed   // Name: cpv
	World           // Name: cpv
	PostClean       // Name: cpv, Text: ebuild or file
	Completed       // Name: cpv, Text: root
	Sync
	SyncBegin         // Name: repository, Text: location; either may be empty
	SyncTransport     // Text: URL
	SyncRetry         // Text: URL
	SyncCurrent       // "Already current."
	SyncNotice        // Text: the message; neither an end nor an error
	SyncError         // Text: location, or empty if the line has none
	SyncCompleted     // Name: repository
	SyncCompletedWith // Text: URL
	SyncCompletedAt   // Text: location
)

// Event is one line of the log. Its byte slices point into the buffer of the Parser
// and are valid until the next line is read.
type Event struct {
	Kind Kind
	// OneBlank reports that one blank follows the colon instead of two.
	OneBlank bool
	// Time is the timestamp of the line, in unix seconds.
	Time int64
	// Offset is the position of the line in its source, in bytes.
	Offset int64
	// N and Of are the "(N of M)" in a line of a merge, or 0.
	N, Of int
	// Name and Text have the meaning that the Kind defines.
	Name, Text []byte
	// OpenEnded marks a line that ends with free text. If its line end was lost,
	// the text may contain the next line.
	OpenEnded bool
	// plausible is the last cpv that passed plausibleCPV. Consecutive lines often
	// have the same cpv.
	plausible []byte
}
