package report

import (
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"os"
	"strings"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

//go:embed page.html
var pageText string

// page is what the template shows.
type page struct {
	Targets []pageTarget
	Met     int
	All     int
	Part    int // of a hundred goals, how many are met
	Columns int // of the table of goals
	Cells   int // of one of its lines on a phone
	Rows    []pageRow
	Started string
	Machine Machine
	Seed    uint64
	Command string
}

// pageTarget is a target's name and version.
type pageTarget struct {
	Name, Version string
}

// pageRow is a row with its lines and charts.
type pageRow struct {
	ID       string
	Title    string
	Settings string
	Unit     string
	Goals    []pageGoal
	Lines    []Line
	Charts   []pageChart
	Beside   bool // the charts are so few that they stand beside the lines
	Failures []string
}

// pageGoal is a line with a picture of how far off it is.
type pageGoal struct {
	Line
	Picture template.HTML
}

// pageChart is one kind of operation's curves.
type pageChart struct {
	Caption string
	Picture template.HTML
}

// WritePage writes the page to a file.
func (r *Report) WritePage(path string) error {
	var b strings.Builder
	if err := r.page(&b); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// page renders one HTML file that refers to nothing outside itself.
func (r *Report) page(b *strings.Builder) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: the page's template: %w", err)
	}
	p := page{Started: r.Started.UTC().Format("2006-01-02 15:04 UTC"), Machine: r.Machine, Seed: r.Seed, Command: strings.Join(r.Command, " ")}
	p.Met, p.All = r.Verdicts()
	p.Columns, p.Cells = len(r.Targets)+5, max(4, len(r.Targets)+2)
	if p.All > 0 {
		p.Part = p.Met * 100 / p.All
	}
	for _, name := range r.Targets {
		p.Targets = append(p.Targets, pageTarget{Name: name, Version: r.version(name)})
	}
	for i := range r.Rows {
		p.Rows = append(p.Rows, r.Rows[i].page(i, r.Targets))
	}
	if err := t.Execute(b, p); err != nil {
		return fmt.Errorf("report: write the page: %w", err)
	}
	return nil
}

// version is what a target said of itself in any run.
func (r *Report) version(target string) string {
	for _, row := range r.Rows {
		for _, run := range row.Runs {
			if run.Target == target && run.Version != "" {
				return run.Version
			}
		}
	}
	return ""
}

// page collects what is shown of a row.
func (r *Row) page(number int, targets []string) pageRow {
	p := pageRow{ID: fmt.Sprintf("row-%d", number+1), Title: r.title(), Settings: r.settings(), Unit: r.Unit,
		Lines: r.lines(targets), Charts: r.charts(targets), Failures: r.failures()}
	p.Beside = len(p.Charts) > 0 && len(p.Charts) <= 2
	for i, l := range r.goals(targets) {
		g := r.Goals[i]
		goal := pageGoal{Line: l}
		if v, ok := r.judged(g, targets); ok {
			goal.Picture = bullet(g, v, l.Verdict == Met)
		}
		p.Goals = append(p.Goals, goal)
	}
	return p
}

// charts draws each kind of operation: by percentile, and over time when it took more than a moment. Each target's curve is that of its
// middle run.
func (r *Row) charts(targets []string) []pageChart {
	var charts []pageChart
	for _, name := range append([]string{""}, r.latencyNames()...) {
		curves, overTime := map[int][]time.Duration{}, map[int][]measure.Second{}
		for i, target := range targets {
			run := r.middle(target)
			if run == nil {
				continue
			}
			if l, ok := run.latency(name); ok {
				curves[i] = l.Curve
				if len(l.Seconds) > 1 {
					overTime[i] = l.Seconds
				}
			}
		}
		caption := name
		if name == "" {
			caption = r.Unit
		}
		if svg := percentileChart(curves, len(targets)); svg != "" {
			charts = append(charts, pageChart{Caption: caption + ": latency by percentile", Picture: svg})
		}
		if len(overTime) == 0 {
			continue
		}
		if svg := timeChart(overTime, len(targets)); svg != "" {
			charts = append(charts, pageChart{Caption: caption + ": p99 over time, p50 thin", Picture: svg})
		}
	}
	return charts
}
