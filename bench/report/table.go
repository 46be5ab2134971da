package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// column is one figure of the table.
type column struct {
	head  string
	get   figure
	print func(float64) string
}

// columns are the figures in the order a reader asks for them.
var columns = []column{
	{"op/s", measured(func(r Run) float64 { return r.PerSecond }), count},
	{"p50", measured(func(r Run) float64 { return float64(r.Latency.P50) }), duration},
	{"p90", measured(func(r Run) float64 { return float64(r.Latency.P90) }), duration},
	{"p99", measured(func(r Run) float64 { return float64(r.Latency.P99) }), duration},
	{"p99.9", measured(func(r Run) float64 { return float64(r.Latency.P999) }), duration},
	{"CPU/unit", measured(func(r Run) float64 { return float64(r.CPUPerUnit) }), duration},
	{"loader CPU", measured(func(r Run) float64 { return float64(r.CPULoader) }), duration},
	{"RSS", measured(func(r Run) float64 { return float64(r.RSSBytes) }), bytes},
	{"RSS peak", measured(func(r Run) float64 { return float64(r.RSSPeak) }), bytes},
	{"disk", measured(func(r Run) float64 { return float64(r.DiskBytes) }), bytes},
}

// ratioColumns are the figures worth a ratio; the last target is the base of all.
var ratioColumns = []string{"op/s", "p50", "p99", "CPU/unit", "RSS", "disk"}

// WriteTable prints each case with a line per target and the ratios to the last target below, then
// the large stores side by side.
func (r *Report) WriteTable(w io.Writer) error {
	for i := range r.Cases {
		c := &r.Cases[i]
		if _, err := fmt.Fprintf(w, "\n%s\n", c.title()); err != nil {
			return err
		}
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		c.writeRows(tw)
		if err := tw.Flush(); err != nil {
			return err
		}
		if err := c.writeDetails(w); err != nil {
			return err
		}
	}
	return writeStores(w, r.Stores)
}

// title names the case and its settings.
func (c *Case) title() string {
	var params []string
	for name, value := range c.Parameters {
		params = append(params, name+"="+value)
	}
	slices.Sort(params)
	members := "1 member"
	if c.Members != 1 {
		members = strconv.Itoa(c.Members) + " members"
	}
	return fmt.Sprintf("%s, %s (%s; CPU per %s)", c.Name, members, strings.Join(params, " "), c.Unit)
}

// writeRows writes the table's head, the targets' medians and the ratios.
func (c *Case) writeRows(w io.Writer) {
	fmt.Fprint(w, "target\truns\t")
	for _, col := range columns {
		fmt.Fprintf(w, "%s\t", col.head)
	}
	fmt.Fprintln(w, "errors\t")
	names := c.targets()
	for _, name := range names {
		runs, errs := 0, int64(0)
		for _, r := range c.Runs {
			if r.Target == name {
				runs++
				for _, n := range r.Errors {
					errs += n
				}
			}
		}
		fmt.Fprintf(w, "%s\t%d\t", name, runs)
		for _, col := range columns {
			fmt.Fprintf(w, "%s\t", cell(c.median(name, col.get))(col.print))
		}
		fmt.Fprintf(w, "%d\t\n", errs)
	}
	if len(names) < 2 {
		return
	}
	base := names[len(names)-1]
	for _, name := range names[:len(names)-1] {
		fmt.Fprintf(w, "%s / %s\t\t", name, base)
		for _, col := range columns {
			text := ""
			if slices.Contains(ratioColumns, col.head) {
				text = cell(c.ratio(name, base, col.get))(times)
			}
			fmt.Fprintf(w, "%s\t", text)
		}
		fmt.Fprintln(w, "\t")
	}
}

// writeDetails adds a line per further latency of each target.
func (c *Case) writeDetails(w io.Writer) error {
	for _, target := range c.targets() {
		names := make(map[string]bool)
		for _, r := range c.Runs {
			for name := range r.Details {
				names[name] = r.Target == target || names[name]
			}
		}
		for _, name := range sortedKeys(names) {
			at := func(get func(Run) time.Duration) string {
				return cell(c.median(target, func(r Run) (float64, bool) { return float64(get(r)), r.Details[name].Count > 0 }))(duration)
			}
			_, err := fmt.Fprintf(w, "  %s %s: p50 %s  p99 %s  p99.9 %s\n", target, name,
				at(func(r Run) time.Duration { return r.Details[name].P50 }),
				at(func(r Run) time.Duration { return r.Details[name].P99 }),
				at(func(r Run) time.Duration { return r.Details[name].P999 }))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// sortedKeys lists the names that are true.
func sortedKeys(set map[string]bool) []string {
	var keys []string
	for name, in := range set {
		if in {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	return keys
}

// cell prints a figure, or a dash for one that was not measured (I2).
func cell(v float64, ok bool) func(func(float64) string) string {
	return func(print func(float64) string) string {
		if !ok {
			return "-"
		}
		return print(v)
	}
}

// duration prints nanoseconds with three digits.
func duration(ns float64) string {
	switch d := time.Duration(ns); {
	case d < time.Millisecond:
		return fmt.Sprintf("%.3gµs", ns/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.3gms", ns/1e6)
	default:
		return fmt.Sprintf("%.3gs", ns/1e9)
	}
}

// bytes prints in MiB, above 10 GiB in GiB.
func bytes(n float64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%.1fGiB", n/(1<<30))
	}
	return fmt.Sprintf("%.1fMiB", n/(1<<20))
}

// count prints without exponent or fraction.
func count(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// times prints a ratio.
func times(v float64) string { return fmt.Sprintf("%.2fx", v) }
