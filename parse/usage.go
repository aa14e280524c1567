package parse

import (
	"math"
	"strconv"
	"strings"
)

// Usage is the use of resources by a build, as Portage reports it with FEATURES=cgroup
// in emerge.log and in the build log. A value is -1 if the report lacks it.
type Usage struct {
	CPUMillis int64 // CPU time, in milliseconds
	// MaxMem, MaxSwap, Read and Written are in bytes, rounded to about three digits.
	MaxMem, MaxSwap, Read, Written int64
}

// UnknownUsage is the usage of a report without values.
var UnknownUsage = Usage{CPUMillis: -1, MaxMem: -1, MaxSwap: -1, Read: -1, Written: -1}

// ParseUsage reads the pairs of a report, such as "CPU: 800.00s (20.00x), MaxMem: 4.00
// KiB, I/O R: 0.00 B, I/O W: 8.00 KiB" (_emerge/_observability.py:341-378). It ignores
// unknown pairs.
func ParseUsage(pairs string) Usage {
	usage := UnknownUsage
	for pair := range strings.SplitSeq(pairs, ", ") {
		name, value, _ := strings.Cut(pair, ": ")
		switch name {
		case "CPU":
			seconds, _, _ := strings.Cut(value, "s")
			usage.CPUMillis = scaled(seconds, 1000)
		case "MaxMem":
			usage.MaxMem = size(value)
		case "MaxSwap":
			usage.MaxSwap = size(value)
		case "I/O R":
			usage.Read = size(value)
		case "I/O W":
			usage.Written = size(value)
		}
	}
	return usage
}

// size reads a size such as "4.00 KiB" (util/human_readable.py). The result is in
// bytes.
func size(value string) int64 {
	number, unit, _ := strings.Cut(value, " ")
	for power, name := range []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"} {
		if unit == name {
			return scaled(number, math.Pow(1024, float64(power)))
		}
	}
	return -1
}

func scaled(number string, by float64) int64 {
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !(x >= 0) || x*by > math.MaxInt64/2 {
		return -1
	}
	return int64(math.Round(x * by))
}
