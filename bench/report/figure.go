package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// Figure names one number that a run measures. Times are in seconds, sizes in bytes.
type Figure string

// The figures, in the order in which a reader asks for them.
const (
	PerSecond  Figure = "op/s"
	Events     Figure = "events/s" // delivered to watchers
	P50        Figure = "p50"
	P90        Figure = "p90"
	P99        Figure = "p99"
	P999       Figure = "p99.9"
	P99Before  Figure = "p99 before"   // what is measured began
	P99Growth  Figure = "p99 / before" // the target's own ratio
	Kept       Figure = "op/s / before"
	CPUGrowth  Figure = "CPU/unit / before"
	Pause      Figure = "longest pause"
	CPU        Figure = "CPU/unit" // user and system of the servers, summed over the members
	Cores      Figure = "CPU cores"
	LoaderCPU  Figure = "loader CPU/unit"
	Load       Figure = "load"
	Ready      Figure = "restart until healthy"
	Count      Figure = "count, newest: p50"
	CountOld   Figure = "count, old: p50"
	Page       Figure = "page, newest: p50"
	PageOld    Figure = "page, old: p50"
	Save       Figure = "snapshot save"
	SaveCPU    Figure = "snapshot save, CPU"
	SaveBytes  Figure = "snapshot"
	Restore    Figure = "snapshot restore"
	Defragment Figure = "defragment"
	Compact    Figure = "compaction"
	Install    Figure = "until the member has all"
	Gone       Figure = "until all keys are gone"
	RSS        Figure = "RSS"
	RSSPeak    Figure = "RSS, peak"
	RSSLoaded  Figure = "RSS after load"
	RSSFresh   Figure = "RSS after restart"
	DiskLoaded Figure = "disk after load"
	Disk       Figure = "disk"
	Written    Figure = "written per byte stored" // by the servers to their disks
)

// scale is how a figure's number is printed.
type scale func(float64) string

// figures lists the scale of each figure, in the order of the constants.
var figures = []struct {
	name  Figure
	print scale
}{
	{PerSecond, count}, {Events, count}, {P50, seconds}, {P90, seconds}, {P99, seconds}, {P999, seconds},
	{P99Before, seconds}, {P99Growth, times}, {Kept, times}, {CPUGrowth, times}, {Pause, seconds},
	{CPU, seconds}, {Cores, times}, {LoaderCPU, seconds},
	{Load, seconds}, {Ready, seconds}, {Count, seconds}, {CountOld, seconds}, {Page, seconds}, {PageOld, seconds},
	{Save, seconds}, {SaveCPU, seconds}, {SaveBytes, bytes}, {Restore, seconds}, {Defragment, seconds}, {Compact, seconds},
	{Install, seconds}, {Gone, seconds},
	{RSS, bytes}, {RSSPeak, bytes}, {RSSLoaded, bytes}, {RSSFresh, bytes}, {DiskLoaded, bytes}, {Disk, bytes}, {Written, times},
}

// print writes a number of the figure's scale.
func (f Figure) print(v float64) string {
	for _, known := range figures {
		if known.name == f {
			return known.print(v)
		}
	}
	return times(v)
}

// Set keeps a number, unless it is zero: that was not measured.
func (r *Run) Set(f Figure, v float64) {
	if v == 0 {
		return
	}
	if r.Figures == nil {
		r.Figures = make(map[Figure]float64)
	}
	r.Figures[f] = v
}

// SetTime keeps a time.
func (r *Run) SetTime(f Figure, d time.Duration) { r.Set(f, d.Seconds()) }

// SetLatency keeps the usual percentiles of the operations and their curves.
func (r *Run) SetLatency(p measure.Percentiles, seconds []measure.Second) {
	r.SetTime(P50, p.P50)
	r.SetTime(P90, p.P90)
	r.SetTime(P99, p.P99)
	r.SetTime(P999, p.P999)
	r.AddLatency("", p, seconds)
}

// AddLatency keeps further latencies by name.
func (r *Run) AddLatency(name string, p measure.Percentiles, seconds []measure.Second) {
	r.Latencies = append(r.Latencies, Latency{Name: name, Percentiles: p, Seconds: seconds})
}

// summaryFigures is how many figures a run's line in the log has.
const summaryFigures = 6

// Summary is a line about the run, for those who wait for the next.
func (r *Run) Summary() string {
	var parts []string
	for _, f := range figures {
		if v, ok := r.Figures[f.name]; ok && len(parts) < summaryFigures {
			parts = append(parts, string(f.name)+" "+f.print(v))
		}
	}
	if len(r.Errors) > 0 {
		parts = append(parts, fmt.Sprintf("FAILED: %v", r.Errors))
	}
	return strings.Join(parts, ", ")
}

// seconds prints a time with three digits.
func seconds(s float64) string {
	switch {
	case s < 1e-3:
		return fmt.Sprintf("%.3g µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.3g ms", s*1e3)
	default:
		return fmt.Sprintf("%.3g s", s)
	}
}

// bytes prints in MiB, above 10 GiB in GiB.
func bytes(n float64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%.1f GiB", n/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", n/(1<<20))
}

// count prints without exponent or fraction.
func count(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// times prints a ratio.
func times(v float64) string {
	if v < .1 {
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.2f", v)
}
