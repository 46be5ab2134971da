package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// ErrFormat means that a file is no report of this program.
var ErrFormat = errors.New("report: not a report")

// Report is everything one call of the benchmark measured.
type Report struct {
	Started time.Time `json:"started"`
	Command []string  `json:"command"`
	Seed    uint64    `json:"seed"`
	Machine Machine   `json:"machine"`
	Targets []string  `json:"targets"` // the one judged, its base, and further ones
	Rows    []Row     `json:"rows"`
}

// Machine says where the figures are from; they compare with none from elsewhere.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Model  string `json:"model"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// Row is a set of settings under which all targets ran in turns, and what is asked of the first.
type Row struct {
	Name       string            `json:"name"`
	Members    int               `json:"members"`
	Unit       string            `json:"unit,omitempty"` // what CPU is counted per
	Parameters map[string]string `json:"parameters,omitempty"`
	Goals      []Goal            `json:"goals,omitempty"`
	Runs       []Run             `json:"runs"`
}

// Run is one turn of one target.
type Run struct {
	Target    string             `json:"target"`
	Version   string             `json:"version"`
	Pair      int                `json:"pair"`
	Figures   map[Figure]float64 `json:"figures"`
	Latencies []Latency          `json:"latencies,omitempty"`
	Errors    map[string]int64   `json:"errors,omitempty"`           // what failed or was answered wrong, by message
	Parts     []Part             `json:"disk_of_member_0,omitempty"` // log and state apart
}

// Latency is how long one kind of operation took; the row's own kind has no name.
type Latency struct {
	Name string `json:"name,omitempty"`
	measure.Percentiles
	Seconds []measure.Second `json:"seconds,omitempty"`
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
	slices.SortFunc(parts, func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
	return parts
}

// Wrong counts failures.
func (r *Run) Wrong(errors map[string]int64) {
	for text, n := range errors {
		if r.Errors == nil {
			r.Errors = make(map[string]int64)
		}
		r.Errors[text] += n
	}
}

// Fail counts what ended a run, or spoils all of it.
func (r *Run) Fail(err error) { r.Wrong(map[string]int64{err.Error(): 1}) }

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

// ReadFile reads what WriteFile wrote.
func ReadFile(path string) (*Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
	}
	if len(r.Targets) == 0 || len(r.Rows) == 0 {
		return nil, fmt.Errorf("%w: %s holds no targets or rows", ErrFormat, path)
	}
	return r, nil
}

// title names the row and how many members it ran on.
func (r *Row) title() string {
	if r.Members == 1 {
		return r.Name + ", 1 member"
	}
	return r.Name + ", " + strconv.Itoa(r.Members) + " members"
}

// settings lists the parameters by name.
func (r *Row) settings() string {
	var params []string
	for name, value := range r.Parameters {
		params = append(params, name+"="+value)
	}
	slices.Sort(params)
	return strings.Join(params, " ")
}

// measured lists the figures that any run has, in the order of figures.
func (r *Row) measured() []Figure {
	var out []Figure
	for _, f := range figures {
		if slices.ContainsFunc(r.Runs, func(run Run) bool { _, ok := run.Figures[f.name]; return ok }) {
			out = append(out, f.name)
		}
	}
	return out
}

// goal finds what is asked of a figure.
func (r *Row) goal(f Figure) (Goal, bool) {
	i := slices.IndexFunc(r.Goals, func(g Goal) bool { return g.Figure == f })
	if i < 0 {
		return Goal{}, false
	}
	return r.Goals[i], true
}
