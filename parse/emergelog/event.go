package emergelog

// Kind says what a line of the log reports.
type Kind uint8

// The kinds of lines, in the order in which a run writes them.
const (
	// KindOther is a well-formed line whose message no known Portage wrote.
	KindOther Kind = iota
	KindStarted
	KindArgs         // Text: the arguments
	KindContinuation // Text: the rest of an argument that held a newline
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
	KindPackaging       // Name: cpv, Text: ebuild; compiling, and a binpkg will be made
	KindUsage           // Name: cpv, Text: the pairs
	KindMerging         // Name: cpv, Text: ebuild
	KindFetchingBinary  // Name: cpv, Text: file
	KindMergingBinary   // Name: cpv, Text: file
	KindAutoclean       // Name: cat/pn, Text: slot
	KindNothingUnmerged // end of an AUTOCLEAN that found nothing, until 2008-03
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
	KindSyncNotice        // Text: the message; neither an end nor a failure
	KindSyncError         // Text: location, or empty where the line has none
	KindSyncCompleted     // Name: repository
	KindSyncCompletedWith // Text: URL
	KindSyncCompletedAt   // Text: location
)

// Event is one line of the log. Its byte slices point into the reader's buffer
// and hold until the next line is read.
type Event struct {
	Kind Kind
	// OneBlank tells the message family: one blank after the colon, not two.
	OneBlank bool
	// Time is the line's own time stamp, in unix seconds.
	Time int64
	// Offset and Length delimit the line in its source, line end included.
	Offset, Length int64
	// N and Of are the "(N of M)" of a merge's line, else 0.
	N, Of int
	// Name and Text hold what the line's Kind says.
	Name, Text []byte
	// openEnded marks a line whose end is free text, in which the next line
	// can hide where a line end was lost.
	openEnded bool
	// plausible is the last cpv that was looked at and found to be one: the
	// lines of a merge follow each other.
	plausible []byte
}
