package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// A chart is drawn in these units, which on a phone are pixels.
const (
	chartWidth, chartHeight = 360.0, 230.0
	plotLeft, plotRight     = 52.0, 350.0
	plotTop, plotBottom     = 8.0, 204.0
)

// maxAt is where the curve of percentiles has the largest value, in nines: beyond 99.99.
const maxAt = 4.3

// series is one target's line; its place among the targets is its color.
type series struct {
	target int
	faint  bool
	points []point
}

// point is a latency at a place on the x axis; a gap ends one line and begins another.
type point struct {
	x   float64
	y   time.Duration
	gap bool
}

// tick is a labeled place on an axis.
type tick struct {
	at    float64
	label string
}

// nines turns a percentile into its place: 90 is 1, 99 is 2, 99.9 is 3.
func nines(p float64) float64 {
	if p >= 100 {
		return maxAt
	}
	return -math.Log10(1 - p/100)
}

// percentileChart draws how long the slowest part of operations took, the rarest to the right.
func percentileChart(curves map[int][]time.Duration, targets int) template.HTML {
	var all []series
	for i := range targets {
		s := series{target: i}
		for j, p := range measure.CurveAt() {
			if j < len(curves[i]) {
				s.points = append(s.points, point{x: nines(p), y: curves[i][j]})
			}
		}
		all = append(all, s)
	}
	ticks := []tick{{nines(50), "50"}, {nines(90), "90"}, {nines(99), "99"}, {nines(99.9), "99.9"}, {nines(99.99), "99.99 %"}}
	return draw(all, maxAt, ticks, "Latency by percentile")
}

// timeChart draws p99, and faintly p50, of every second of a run.
func timeChart(seconds map[int][]measure.Second, targets int) template.HTML {
	longest := 0
	var all []series
	for i := range targets {
		p50, p99 := series{target: i, faint: true}, series{target: i}
		for second, s := range seconds[i] {
			x := float64(second)
			p50.points = append(p50.points, point{x, s.P50, s.Count == 0})
			p99.points = append(p99.points, point{x, s.P99, s.Count == 0})
		}
		longest = max(longest, len(seconds[i])-1)
		all = append(all, p50, p99)
	}
	step := 1
	for _, s := range []int{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600} {
		if step = s; longest/step <= 6 {
			break
		}
	}
	var ticks []tick
	for s := 0; s <= longest; s += step {
		ticks = append(ticks, tick{float64(s), fmt.Sprint(s)})
	}
	ticks[len(ticks)-1].label += " s"
	return draw(all, float64(longest), ticks, "Latency over time")
}

// draw writes a chart with a logarithmic y axis; "" when there is nothing to draw.
func draw(all []series, right float64, ticks []tick, label string) template.HTML {
	low, high := bounds(all)
	if high == 0 || right <= 0 {
		return ""
	}
	x := func(v float64) float64 { return plotLeft + v/right*(plotRight-plotLeft) }
	y := func(d time.Duration) float64 {
		part := math.Log(max(float64(d), low)/low) / math.Log(high/low)
		return plotBottom - part*(plotBottom-plotTop)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, label)
	for _, t := range latencyTicks(low, high) {
		at := y(time.Duration(t.at))
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.1fH%.1f"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, at, plotRight, plotLeft-6, at+4, t.label)
	}
	for i, t := range ticks {
		anchor := "middle"
		if i == len(ticks)-1 && x(t.at) > plotRight-20 {
			anchor = "end"
		}
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.1fV%.1f"/><text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`,
			x(t.at), plotTop, plotBottom, x(t.at), plotBottom+18, anchor, t.label)
	}
	// The first target is drawn last, above the others.
	for i := len(all) - 1; i >= 0; i-- {
		s := all[i]
		class := fmt.Sprintf("line t%d", s.target)
		if s.faint {
			class += " faint"
		}
		if path := s.path(x, y); path != "" {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, class, path)
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // numbers and constant texts only
}

// path is the series as the d of an SVG path.
func (s series) path(x func(float64) float64, y func(time.Duration) float64) string {
	var b strings.Builder
	pen := "M"
	for _, p := range s.points {
		if p.gap {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, x(p.x), y(p.y))
		pen = "L"
	}
	return b.String()
}

// bounds are the smallest and largest latency, widened to whole steps of 1, 2, 5; zero when there is none.
func bounds(all []series) (low, high float64) {
	for _, s := range all {
		for _, p := range s.points {
			if p.gap {
				continue
			}
			v := max(float64(p.y), float64(time.Microsecond))
			if low == 0 || v < low {
				low = v
			}
			high = max(high, v)
		}
	}
	if high == 0 {
		return 0, 0
	}
	low, high = stepBelow(low), stepAbove(high)
	if high <= low {
		high = 10 * low
	}
	return low, high
}

// stepBelow is the largest of 1, 2, 5, 10, 20 … that is not above v.
func stepBelow(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{5, 2} {
		if m*decade <= v {
			return m * decade
		}
	}
	return decade
}

// stepAbove is the smallest of them that is not below v.
func stepAbove(v float64) float64 {
	if below := stepBelow(v); below < v {
		return nextStep(below)
	}
	return v
}

// nextStep follows a step.
func nextStep(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	switch m := math.Round(v / decade); m {
	case 1:
		return 2 * decade
	case 2:
		return 5 * decade
	default:
		return 10 * decade
	}
}

// latencyTicks are the steps from low to high, or of those only the decades when they would crowd.
func latencyTicks(low, high float64) []tick {
	const most = 10
	var steps, decades []tick
	for v := low; v <= high*1.001; v = nextStep(v) {
		t := tick{v, seconds(v / 1e9)}
		steps = append(steps, t)
		if exponent := math.Log10(v); math.Abs(exponent-math.Round(exponent)) < 1e-6 {
			decades = append(decades, t)
		}
	}
	if len(steps) <= most || len(decades) < 2 {
		return steps
	}
	return decades
}

// bullet draws how far a number is from its goal: the mark is the goal, the dot what was measured, to the right the better. The ends are
// ten times as good and as bad.
func bullet(g Goal, v float64, met bool) template.HTML {
	better := v / g.Least
	if g.Most > 0 {
		better = g.Most / v
	}
	if v <= 0 || math.IsInf(better, 0) {
		return ""
	}
	const width, height, middle, dot = 96.0, 14.0, 48.0, 6.0
	at := middle + max(-1, min(1, math.Log10(better)))*(middle-dot)
	class := "short"
	if met {
		class = "met"
	}
	return template.HTML(fmt.Sprintf(`<svg class="bullet %s" viewBox="0 0 %g %g" aria-hidden="true">`+
		`<path class="grid" d="M0 7H%g"/><path class="way" d="M%g 7H%.1f"/>`+
		`<path class="goal" d="M%g 1V13"/><circle cx="%.1f" cy="7" r="4"/></svg>`,
		class, width, height, width, middle, at, middle, at))
}
