package mergelog

// Limits on the memory that one input can make this package use. They are far above
// the size of real logs. Whatever the build system of a package runs can write to a
// log, so its content is not trusted.
const (
	// MaxLine is the number of bytes of a line that are examined. Link command
	// lines of browsers reach about 40 KiB. The rest of a longer line is skipped.
	MaxLine = 64 << 10

	// lookBack is how far above a line its context is searched, in bytes.
	lookBack = 16 << 10

	// maxText is the longest stored line, in bytes. It is enough for compiler
	// messages; command lines are shortened.
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
