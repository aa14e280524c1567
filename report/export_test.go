package report

// MetricNames are the names and helps of all metrics.
func MetricNames() [][2]string {
	names := make([][2]string, 0, len(metricFamilies))
	for _, f := range metricFamilies {
		names = append(names, [2]string{f.name, f.help})
	}
	return names
}
