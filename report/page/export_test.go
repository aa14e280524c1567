package page

// What the tests see of the charts.
var (
	VerdictClasses = verdictClasses
	Style          = pageStyle
)
