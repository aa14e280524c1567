package emergelog

import (
	"bytes"
	"math"
	"strconv"
)

// parseUsage reads the pairs of a resource usage line, such as "CPU: 800.00s
// (20.00x), MaxMem: 4.00 KiB, I/O R: 0.00 B, I/O W: 8.00 KiB"
// (_observability.py:341-378). It ignores unknown pairs.
func parseUsage(pairs []byte) Usage {
	usage := Usage{CPUMillis: -1, MaxMem: -1, MaxSwap: -1, Read: -1, Written: -1}
	for pair := range bytes.SplitSeq(pairs, []byte(", ")) {
		name, value, found := bytes.Cut(pair, []byte(": "))
		if !found {
			continue
		}
		switch string(name) {
		case "CPU":
			seconds, _, _ := bytes.Cut(value, []byte("s"))
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
func size(value []byte) int64 {
	number, unit, _ := bytes.Cut(value, []byte(" "))
	for power, name := range []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"} {
		if string(unit) == name {
			return scaled(number, math.Pow(1024, float64(power)))
		}
	}
	return -1
}

func scaled(number []byte, by float64) int64 {
	x, err := strconv.ParseFloat(string(number), 64)
	if err != nil || !(x >= 0) || x*by > math.MaxInt64/2 {
		return -1
	}
	return int64(math.Round(x * by))
}
