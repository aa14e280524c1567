package mergelog

// Limits on what one input can make this package keep. They are far above what
// real logs hold and far below what would hurt: a log is written by whatever the
// package's build system runs, and that is not to be trusted.
const (
	// MaxLine is the longest line, in bytes, of which all is looked at. Link
	// command lines of browsers reach about 40 KiB; the rest of a longer line is
	// skipped.
	MaxLine = 64 << 10

	// lookBack is how far above a line, in bytes, its context is looked for.
	lookBack = 16 << 10

	// maxText is the longest recorded single line, in bytes: enough for any
	// compiler message, while command lines are cut.
	maxText = 1 << 10

	// maxExcerptLines bounds an excerpt to about one screen.
	maxExcerptLines = 30

	// maxNotices, maxNoticeLines and maxPaths bound the lists of one build log.
	// The longest notices list one line per installed file.
	maxNotices     = 256
	maxNoticeLines = 64
	maxPaths       = 1024

	// maxFrames bounds a call stack; multilib eclasses reach 14.
	maxFrames = 64

	// maxFlags bounds USE and FEATURES; texlive-like packages reach 300.
	maxFlags = 4096

	// maxMessageLines and maxMessages bound one elog file or summary block.
	maxMessageLines = 4096
	maxMessages     = 4096

	// maxRecords bounds the merges of one captured session.
	maxRecords = 1 << 16
)
