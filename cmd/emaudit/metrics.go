package main

import (
	"context"

	"emaudit/audit"
	"emaudit/report"
)

// metricsCommand writes metrics for a monitoring system.
type metricsCommand struct {
	Output string `short:"o" placeholder:"FILE" type:"path" help:"Write to FILE instead of standard output, completely or not at all."`
}

func (*metricsCommand) Help() string {
	return `Writes metrics in the text format of Prometheus, for the textfile collector of
the node exporter. What is not known has no sample. docs/metrics.md lists the
metrics; contrib/ has alert rules and a Grafana dashboard.

  emaudit metrics --output /var/lib/node_exporter/emaudit.prom
` + exitStatus
}

func (c *metricsCommand) Run(ctx context.Context, s *session) error {
	var metrics report.Metrics
	known, now := false, s.proc.now().Unix()
	err := s.eachHost(ctx, func(sub *session) error {
		if err := sub.open(ctx); err != nil {
			return err
		}
		facts, err := sub.hostFacts(ctx, 1)
		if err != nil {
			return err
		}
		var until int64
		err = sub.ask(ctx, func(db audit.Database) (err error) {
			until, err = db.Tx.KnownUntil(db.Host)
			return err
		})
		if err != nil {
			return err
		}
		metrics.Add(report.HostMetrics{Host: sub.hostName, KnownUntil: until, Facts: facts}, now)
		known = true
		return sub.verdict(nil, "never")
	})
	if !known && err != nil {
		return err
	}
	if writeErr := s.writeTo(c.Output, metrics.Write); writeErr != nil {
		return writeErr
	}
	return err
}
