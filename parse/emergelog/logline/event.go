package emergelog

// Kind is the type of a line in the log.
type Kind uint8

// The kinds of lines, in the order in which a run writes them.
const (
	// KindOther is a well-formed line with a message that no known Portage writes.
	KindOther Kind = iota
	KindStarted
	KindArgs         // Text: the arguments
	KindContinuation // Text: the rest of an argument with a newline
	KindResuming
	KindFinished
	KindExiting // Text: the status; "0" for "exiting successfully."
	KindTerminating
	KindRestarting
	KindRegen
	KindDepclean
	KindInject // Name: cpv
	KindLowSpace
	KindBegin           // Name: cpv, Text: root
	KindCleaning        // Name: cpv, Text: ebuild
	KindCompiling       // Name: cpv, Text: ebuild
	KindPackaging       // Name: cpv, Text: ebuild; compiles and creates a binary package
	KindUsage           // Name: cpv, Text: the pairs
	KindMerging         // Name: cpv, Text: ebuild
	KindFetchingBinary  // Name: cpv, Text: file
	KindMergingBinary   // Name: cpv, Text: file
	KindAutoclean       // Name: cat/pn, Text: slot
	KindNothingUnmerged // end of an AUTOCLEAN without unmerge, until 2008-03
	KindUnmerging       // Name: cpv; OneBlank
	KindUnmerged        // Name: cpv
	KindUnmergeFailed   // Name: cpv
	KindWorld           // Name: cpv
	KindPostClean       // Name: cpv, Text: ebuild or file
	KindCompleted       // Name: cpv, Text: root
	KindSync
	KindSyncBegin         // Name: repository, Text: location; either may be empty
	KindSyncTransport     // Text: URL
	KindSyncRetry         // Text: URL
	KindSyncCurrent       // "Already current."
	KindSyncNotice        // Text: the message; neither an end nor an error
	KindSyncError         // Text: location, or empty if the line has none
	KindSyncCompleted     // Name: repository
	KindSyncCompletedWith // Text: URL
	KindSyncCompletedAt   // Text: location
)

// Event is one line of the log. Its byte slices point into the buffer of the Parser
// and are valid until the next line is read.
type Event struct {
	Kind Kind
	// OneBlank reports that one blank follows the colon instead of two.
	OneBlank bool
	// Time is the timestamp of the line, in unix seconds.
	Time int64
	// Offset and Length are the extent of the line in its source, in bytes,
	// including the line end.
	Offset, Length int64
	// N and Of are the "(N of M)" in a line of a merge, or 0.
	N, Of int
	// Name and Text have the meaning that the Kind defines.
	Name, Text []byte
	// openEnded marks a line that ends with free text. If its line end was lost,
	// the text may contain the next line.
	openEnded bool
	// plausible is the last cpv that passed plausibleCPV. Consecutive lines often
	// have the same cpv.
	plausible []byte
}
