package cleanup

import "emaudit/parse/needs"

// The words of a list of needs, for those who write an answer and read no file.
type (
	NeedList   = needs.List
	NeedReason = needs.Reason
)

// NeededByPin is the reason of a build that a pinned state needs.
const NeededByPin = needs.Pinned
