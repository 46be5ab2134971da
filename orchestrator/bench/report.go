package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
)

// report prints all results beside each other, and the first as a ratio of the last.
func (s *settings) report(out io.Writer, results []*result) error {
	if s.json != "" {
		text, err := json.MarshalIndent(results, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%d nodes, %d pods of %d deployments\n", s.nodes, s.pods, s.sets)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "\t"
	for _, r := range results {
		head += r.Store + "\t"
	}
	if len(results) > 1 {
		head += "ratio\t"
	}
	fmt.Fprintln(w, head)
	row := func(name, format string, of func(*result) float64) {
		line := name + "\t"
		for _, r := range results {
			line += fmt.Sprintf(format, of(r)) + "\t"
		}
		if last := of(results[len(results)-1]); len(results) > 1 && last != 0 {
			line += fmt.Sprintf("%.2fx\t", of(results[0])/last)
		}
		fmt.Fprintln(w, line)
	}
	row("all created", "%.1f s", func(r *result) float64 { return r.Created })
	row("all scheduled", "%.1f s", func(r *result) float64 { return r.Scheduled })
	row("all running", "%.1f s", func(r *result) float64 { return r.Running })
	row("scheduled", "%.0f pods/s", func(r *result) float64 { return r.PodsPerS })
	for _, probe := range slices.Sorted(maps.Keys(results[0].Probes)) {
		row(probe+" p50", "%.1f ms", func(r *result) float64 { return r.Probes[probe].P50 })
		row(probe+" p99", "%.1f ms", func(r *result) float64 { return r.Probes[probe].P99 })
	}
	for _, process := range slices.Sorted(maps.Keys(results[0].Processes)) {
		row(process+" CPU", "%.1f s", func(r *result) float64 { return r.Processes[process].CPU })
		row(process+" memory", "%.0f MiB", func(r *result) float64 { return r.Processes[process].RSSMax })
	}
	row("the store's share of CPU", "%.3f", func(r *result) float64 {
		total := 0.0
		for _, u := range r.Processes {
			total += u.CPU
		}
		return r.Processes["etcd"].CPU / max(total, 1e-9)
	})
	row("the store's disk", "%.0f MiB", func(r *result) float64 { return r.StoreMiB })
	return w.Flush()
}
