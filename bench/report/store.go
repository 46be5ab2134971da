package report

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// Store is what one target did with a large store.
type Store struct {
	Target  string `json:"target"`
	Version string `json:"version"`
	Members int    `json:"members"`
	Keys    int64  `json:"keys"`

	LoadElapsed   time.Duration `json:"load_elapsed_ns"`
	LoadCPU       time.Duration `json:"load_cpu_per_put_ns,omitempty"`
	RSSAfterLoad  int64         `json:"rss_after_load_bytes,omitempty"`
	DiskAfterLoad int64         `json:"disk_after_load_bytes,omitempty"`

	// Of the restarted cluster; absent for given endpoints and when no restart was asked for.
	Ready          time.Duration `json:"ready_ns,omitempty"` // from the start of the processes to health
	RSSFresh       int64         `json:"rss_fresh_bytes,omitempty"`
	DiskFresh      int64         `json:"disk_fresh_bytes,omitempty"`
	DiskPerPart    []Part        `json:"disk_of_member_0,omitempty"`
	RSSAfterChecks int64         `json:"rss_after_checks_bytes,omitempty"`

	Checks []Check `json:"checks"`
}

// Check is one question asked of the store several times over.
type Check struct {
	Name   string              `json:"name"`
	First  time.Duration       `json:"first_ns"` // nothing cached yet
	Rest   measure.Percentiles `json:"rest"`
	Wrong  []string            `json:"wrong,omitempty"` // what was not as the load says it must be
	Answer int64               `json:"count"`           // the count answered
}

// storeLine is a row of the table: a figure of every store.
type storeLine struct {
	name string
	text func(*Store) string
}

// storeLines are the rows before the checks.
var storeLines = []storeLine{
	{"version", func(s *Store) string { return s.Version }},
	{"load", func(s *Store) string { return orDash(float64(s.LoadElapsed), duration) }},
	{"load, server CPU per put", func(s *Store) string { return orDash(float64(s.LoadCPU), duration) }},
	{"RSS after load", func(s *Store) string { return orDash(float64(s.RSSAfterLoad), bytes) }},
	{"disk after load", func(s *Store) string { return orDash(float64(s.DiskAfterLoad), bytes) }},
	{"restart until ready", func(s *Store) string { return orDash(float64(s.Ready), duration) }},
	{"RSS freshly started", func(s *Store) string { return orDash(float64(s.RSSFresh), bytes) }},
	{"disk freshly started", func(s *Store) string { return orDash(float64(s.DiskFresh), bytes) }},
	{"RSS after the checks", func(s *Store) string { return orDash(float64(s.RSSAfterChecks), bytes) }},
}

// orDash prints what was measured and a dash for what was not (I2).
func orDash(v float64, print func(float64) string) string {
	return cell(v, v != 0)(print)
}

// writeStores prints a column per store.
func writeStores(w io.Writer, stores []Store) error {
	if len(stores) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "\n%d keys\t", stores[0].Keys)
	for _, s := range stores {
		fmt.Fprintf(tw, "%s\t", s.Target)
	}
	fmt.Fprintln(tw)
	for _, line := range storeLines {
		fmt.Fprintf(tw, "%s\t", line.name)
		for i := range stores {
			fmt.Fprintf(tw, "%s\t", line.text(&stores[i]))
		}
		fmt.Fprintln(tw)
	}
	for i := range stores[0].Checks {
		writeCheck(tw, stores, i)
	}
	return tw.Flush()
}

// writeCheck prints the i-th check: latencies, and whether the answers were right.
func writeCheck(w io.Writer, stores []Store, i int) {
	rows := []struct {
		name string
		text func(Check) string
	}{
		{": first", func(c Check) string { return duration(float64(c.First)) }},
		{": p50", func(c Check) string { return duration(float64(c.Rest.P50)) }},
		{": max", func(c Check) string { return duration(float64(c.Rest.Max)) }},
		{": right", func(c Check) string {
			if len(c.Wrong) > 0 {
				return "NO: " + c.Wrong[0]
			}
			return "yes"
		}},
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%s%s\t", stores[0].Checks[i].Name, row.name)
		for _, s := range stores {
			text := "-"
			if i < len(s.Checks) {
				text = row.text(s.Checks[i])
			}
			fmt.Fprintf(w, "%s\t", text)
		}
		fmt.Fprintln(w)
	}
}
