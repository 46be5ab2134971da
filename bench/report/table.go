package report

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// none stands for what was not measured (I2).
const none = "-"

// Line is one figure of one row beside all targets, as the table and the page show it.
type Line struct {
	Figure  string
	Values  []string // by target
	Ratio   string   // of the first target to the second
	Goal    string   // "" where nothing is asked
	Verdict Verdict  // "" where nothing is asked
}

// line reads one number of all targets.
func (r *Row) line(name string, read reading, print scale, targets []string) Line {
	l := Line{Figure: name, Ratio: none}
	for _, target := range targets {
		text := none
		if v, ok := r.median(target, read); ok {
			text = print(v)
		}
		l.Values = append(l.Values, text)
	}
	if len(targets) > 1 {
		if v, ok := r.ratio(targets[0], targets[1], read); ok {
			l.Ratio = times(v) + "x"
		}
	}
	return l
}

// figureLine is a figure's line with what is asked of it.
func (r *Row) figureLine(f Figure, targets []string) Line {
	l := r.line(string(f), f.of, f.print, targets)
	if g, ok := r.goal(f); ok {
		l.Goal, l.Verdict = g.String(), r.Judge(g, targets)
	}
	return l
}

// goals are the lines of which something is asked, in the order in which it is.
func (r *Row) goals(targets []string) []Line {
	var lines []Line
	for _, g := range r.Goals {
		lines = append(lines, r.figureLine(g.Figure, targets))
	}
	return lines
}

// lines are all figures, then the named latencies, then the failures if there are any.
func (r *Row) lines(targets []string) []Line {
	var lines []Line
	for _, f := range r.measured() {
		lines = append(lines, r.figureLine(f, targets))
	}
	lines = append(lines, r.latencyLines(targets)...)
	failures := Line{Figure: "errors", Ratio: none}
	failed := false
	for _, target := range targets {
		n := r.Failed(target)
		failed = failed || n > 0
		failures.Values = append(failures.Values, fmt.Sprint(n))
	}
	if failed {
		lines = append(lines, failures)
	}
	return lines
}

// latencyLines are p50 and p99 of each named latency.
func (r *Row) latencyLines(targets []string) []Line {
	percentiles := []struct {
		name string
		of   func(Latency) time.Duration
	}{
		{"p50", func(l Latency) time.Duration { return l.P50 }},
		{"p99", func(l Latency) time.Duration { return l.P99 }},
	}
	var lines []Line
	for _, name := range r.latencyNames() {
		for _, p := range percentiles {
			read := func(run *Run) (float64, bool) {
				l, ok := run.latency(name)
				return p.of(l).Seconds(), ok
			}
			lines = append(lines, r.line(name+": "+p.name, read, seconds, targets))
		}
	}
	return lines
}

// latency finds a kind of operation's; false when there was none of it.
func (r *Run) latency(name string) (Latency, bool) {
	i := slices.IndexFunc(r.Latencies, func(l Latency) bool { return l.Name == name && l.Count > 0 })
	if i < 0 {
		return Latency{}, false
	}
	return r.Latencies[i], true
}

// latencyNames lists the named latencies in the order in which they were measured.
func (r *Row) latencyNames() []string {
	var names []string
	for _, run := range r.Runs {
		for _, l := range run.Latencies {
			if l.Name != "" && !slices.Contains(names, l.Name) {
				names = append(names, l.Name)
			}
		}
	}
	return names
}

// Verdicts counts the goals that are met and all of them.
func (r *Report) Verdicts() (met, all int) {
	for i := range r.Rows {
		for _, g := range r.Rows[i].Goals {
			all++
			if r.Rows[i].Judge(g, r.Targets) == Met {
				met++
			}
		}
	}
	return met, all
}

// WriteTable prints the goals of all rows together; of a row without goals, all figures.
func (r *Report) WriteTable(w io.Writer) error {
	met, all := r.Verdicts()
	if all > 0 {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		r.head(tw, "row\tfigure", "\tgoal\t")
		for i := range r.Rows {
			row := &r.Rows[i]
			for j, l := range row.goals(r.Targets) {
				title := ""
				if j == 0 {
					title = row.title()
				}
				l.write(tw, title+"\t", "\t"+l.Goal+"\t"+string(l.Verdict))
			}
		}
		if err := tw.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(w, "%d of %d goals met\n", met, all)
	}
	for i := range r.Rows {
		if len(r.Rows[i].Goals) > 0 {
			continue
		}
		if err := r.writeRow(w, &r.Rows[i]); err != nil {
			return err
		}
	}
	return r.writeErrors(w)
}

// writeRow prints all figures of one row.
func (r *Report) writeRow(w io.Writer, row *Row) error {
	fmt.Fprintf(w, "\n%s (%s)\n", row.title(), row.settings())
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	r.head(tw, "per "+row.Unit, "")
	for _, l := range row.lines(r.Targets) {
		l.write(tw, "", "")
	}
	return tw.Flush()
}

// head prints a table's first line, between what stands before and after the targets.
func (r *Report) head(w io.Writer, before, after string) {
	fmt.Fprint(w, before)
	for _, target := range r.Targets {
		fmt.Fprintf(w, "\t%s", target)
	}
	fmt.Fprintf(w, "\tratio%s\n", after)
}

// write prints the line.
func (l Line) write(w io.Writer, before, after string) {
	fmt.Fprint(w, before+l.Figure)
	for _, v := range l.Values {
		fmt.Fprintf(w, "\t%s", v)
	}
	fmt.Fprintf(w, "\t%s%s\n", l.Ratio, after)
}

// failures lists what failed in a row.
func (r *Row) failures() []string {
	var out []string
	for _, run := range r.Runs {
		for text, n := range run.Errors {
			out = append(out, fmt.Sprintf("%s, turn %d: %d times: %s", run.Target, run.Pair+1, n, text))
		}
	}
	slices.Sort(out)
	return out
}

// writeErrors lists what failed anywhere.
func (r *Report) writeErrors(w io.Writer) error {
	for i := range r.Rows {
		for _, text := range r.Rows[i].failures() {
			if _, err := fmt.Fprintf(w, "%s, %s\n", r.Rows[i].title(), text); err != nil {
				return err
			}
		}
	}
	return nil
}
