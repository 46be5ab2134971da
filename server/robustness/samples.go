package robustness

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/petcd/petcd/server/process"
)

// Sample is what a member's process has at one moment.
type Sample struct {
	At         time.Duration // since the first
	Member     int
	Resident   float64 // bytes of memory
	Files      float64 // open descriptors
	Goroutines float64
}

// quantities are what a sample measures, and by how much each may differ without growing.
func quantities() []quantity {
	return []quantity{
		{"resident memory", "MiB", 1 << 20, 8 << 20, 0.05, func(s Sample) float64 { return s.Resident }},
		{"open files", "", 1, 4, 0, func(s Sample) float64 { return s.Files }},
		{"goroutines", "", 1, 12, 0, func(s Sample) float64 { return s.Goroutines }},
	}
}

// quantity is one column of samples.
type quantity struct {
	name, unit string
	scale      float64 // of the unit
	noise      float64 // so much is none
	share      float64 // nor is this share of itself
	of         func(Sample) float64
}

// sample measures every member at intervals until ctx ends. A member that does not answer, as it is paused, is left out.
func (c *Cluster) sample(ctx context.Context, every time.Duration) []Sample {
	var all []Sample
	began := time.Now()
	for {
		for i, m := range c.procs.Members() {
			if s, err := measure(ctx, m); err == nil {
				s.At, s.Member = time.Since(began), i
				all = append(all, s)
			}
		}
		if !wait(ctx, every) {
			return all
		}
	}
}

// measure looks at one process.
func measure(ctx context.Context, m *process.Member) (Sample, error) {
	var s Sample
	var err error
	if s.Resident, err = resident(m.PID()); err != nil {
		return s, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.PID()))
	if err != nil {
		return s, err
	}
	s.Files = float64(len(files))
	_, page, err := m.Get(ctx, "/metrics")
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, "go_goroutines "); ok {
			s.Goroutines, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
			return s, err
		}
	}
	return s, fmt.Errorf("robustness: %s has no go_goroutines", m.Name)
}

// resident is how much memory a process has.
func resident(pid int) (float64, error) {
	path := fmt.Sprintf("/proc/%d/statm", pid)
	statm, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0, fmt.Errorf("robustness: %s: %q", path, statm)
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()), err
}

// writeCSV writes samples for other tools.
func writeCSV(w io.Writer, samples []Sample) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"seconds", "member", "resident_bytes", "open_files", "goroutines"}) // Error tells
	for _, s := range samples {
		number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
		_ = out.Write([]string{number(s.At.Seconds()), strconv.Itoa(s.Member), number(s.Resident), number(s.Files), number(s.Goroutines)})
	}
	out.Flush()
	return out.Error()
}
