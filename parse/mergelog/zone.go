package mergelog

import (
	"strings"
	"time"
)

// unixTime returns the unix seconds of a local time. abbreviation is strftime's %Z,
// and location is the zone of the system. It returns false if the abbreviation is
// useless; then it uses the zone of location.
func unixTime(local time.Time, abbreviation string, location *time.Location) (int64, bool) {
	if offset, ok := fixedOffset(abbreviation); ok {
		return local.Unix() - offset, true
	}
	// The offsets before and after a nearby change of clocks.
	for _, distance := range []time.Duration{-36 * time.Hour, 0, 36 * time.Hour} {
		_, offset := local.Add(distance).In(location).Zone()
		t := time.Unix(local.Unix()-int64(offset), 0).In(location)
		name, actual := t.Zone()
		if name == abbreviation && actual == offset {
			return t.Unix(), true
		}
	}
	if offset, ok := zoneOffsets[abbreviation]; ok {
		// The system has moved to another zone since.
		return local.Unix() - int64(offset)*60, true
	}
	y, m, d := local.Date()
	hh, mm, ss := local.Clock()
	return time.Date(y, m, d, hh, mm, ss, 0, location).Unix(), false
}

// fixedOffset returns the seconds east of UTC of an abbreviation that defines its
// own offset: "UTC", and numbers such as "+03" and "-0230" for zones without a
// name. tzdata uses "-00" for places without a defined time.
func fixedOffset(abbreviation string) (int64, bool) {
	switch abbreviation {
	case "UTC", "GMT", "UCT", "Z", "-00":
		return 0, true
	}
	digits := strings.TrimLeft(abbreviation, "+-")
	if len(abbreviation)-len(digits) != 1 || len(digits) != 2 && len(digits) != 4 {
		return 0, false
	}
	var n [2]int64
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n[i/2] = n[i/2]*10 + int64(c-'0')
	}
	if n[0] > 24 || n[1] > 59 {
		return 0, false
	}
	offset := n[0]*3600 + n[1]*60
	if abbreviation[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// zoneOffsets are abbreviations with a single meaning, in minutes east of UTC. It
// lacks CST, IST and BST, which have several.
var zoneOffsets = map[string]int{
	"WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MET": 60, "MEST": 120, "EET": 120, "EEST": 180, "MSK": 180,
	"EST": -300, "EDT": -240, "CDT": -300, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480,
	"HST": -600, "JST": 540, "KST": 540, "HKT": 480, "AEST": 600, "AEDT": 660, "ACST": 570, "ACDT": 630,
	"AWST": 480, "NZST": 720, "NZDT": 780, "SAST": 120, "NST": -210, "NDT": -150,
}
