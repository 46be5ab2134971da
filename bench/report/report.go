package report

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// Run is one turn of one target at one case.
type Run struct {
	Target     string                         `json:"target"`
	Version    string                         `json:"version"`
	Pair       int                            `json:"pair"`
	Elapsed    time.Duration                  `json:"elapsed_ns"`
	Operations uint64                         `json:"operations"`
	PerSecond  float64                        `json:"per_second"`
	Latency    measure.Percentiles            `json:"latency"`
	Details    map[string]measure.Percentiles `json:"details,omitempty"`
	Errors     map[string]int64               `json:"errors,omitempty"`

	// Of the server processes; absent for given endpoints.
	CPUPerUnit  time.Duration `json:"cpu_per_unit_ns,omitempty"`  // user+system, summed over members
	CPULoader   time.Duration `json:"cpu_loader_ns,omitempty"`    // the load generator's, per unit
	RSSBytes    int64         `json:"rss_bytes,omitempty"`        // at the end of the run
	RSSPeak     int64         `json:"rss_peak_bytes,omitempty"`   // since the processes began
	DiskBytes   int64         `json:"disk_bytes,omitempty"`       // allocated, at the end of the run
	DiskPerPart []Part        `json:"disk_of_member_0,omitempty"` // log and state apart
}

// Part is a folder's share of a member's disk use.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Parts sorts by name.
func Parts(sizes map[string]int64) []Part {
	var parts []Part
	for name, n := range sizes {
		parts = append(parts, Part{Name: name, Bytes: n})
	}
	slices.SortFunc(parts, func(a, b Part) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return parts
}

// Case is one row of settings under which all targets ran in turns.
type Case struct {
	Name       string            `json:"name"`
	Members    int               `json:"members"`
	Parameters map[string]string `json:"parameters"`
	Unit       string            `json:"unit"` // what CPU is counted per
	Runs       []Run             `json:"runs"`
}

// Machine says where the figures are from; they compare with none from elsewhere.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Model  string `json:"model"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// Report is everything one call of the benchmark measured.
type Report struct {
	Started time.Time `json:"started"`
	Command []string  `json:"command"`
	Seed    uint64    `json:"seed"`
	Machine Machine   `json:"machine"`
	Cases   []Case    `json:"cases,omitempty"`
	Stores  []Store   `json:"stores,omitempty"`
}

// WriteFile writes the report as indented JSON.
func (r *Report) WriteFile(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: encode: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// targets lists the case's targets in the order of their first turn.
func (c *Case) targets() []string {
	var names []string
	for _, r := range c.Runs {
		if !slices.Contains(names, r.Target) {
			names = append(names, r.Target)
		}
	}
	return names
}
