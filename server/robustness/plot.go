package robustness

import (
	"fmt"
	"html"
	"io"
	"strings"
)

const (
	plotWidth, plotHeight = 900, 240
	plotLeft, plotBottom  = 70, 30
	plotTop               = 28
)

// memberColors tell members apart, and can be told apart without seeing red or green.
var memberColors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000"}

// writePlot writes one HTML page that needs nothing else: a chart for each quantity, a line for each member.
func writePlot(w io.Writer, title string, samples []Sample, members int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html><meta charset=utf-8><title>%[1]s</title><style>body{font:14px sans-serif;margin:2em}text{font:12px sans-serif}</style><h1>%[1]s</h1>\n",
		html.EscapeString(title))
	for _, q := range quantities() {
		chart(&b, q, samples, members)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// chart draws one quantity from zero on, over minutes.
func chart(b *strings.Builder, q quantity, samples []Sample, members int) {
	var last, top float64
	for _, s := range samples {
		last, top = max(last, s.At.Minutes()), max(top, q.of(s)/q.scale)
	}
	last, top = max(last, 1e-3), max(top*1.05, 1)
	x := func(minutes float64) float64 { return plotLeft + minutes/last*(plotWidth-plotLeft-10) }
	y := func(v float64) float64 { return plotHeight - plotBottom - v/top*(plotHeight-plotBottom-plotTop) }
	fmt.Fprintf(b, "<svg width=%d height=%d role=img><text x=%d y=16 font-weight=bold>%s %s</text>\n", plotWidth, plotHeight, plotLeft, q.name, q.unit)
	for i := range 5 {
		part := float64(i) / 4
		fmt.Fprintf(b, "<line x1=%d x2=%d y1=%.1f y2=%.1f stroke=#ddd /><text x=%d y=%.1f text-anchor=end>%.4g</text>",
			plotLeft, plotWidth-10, y(part*top), y(part*top), plotLeft-6, y(part*top)+4, part*top)
		fmt.Fprintf(b, "<text x=%.1f y=%d text-anchor=middle>%.4g min</text>\n", x(part*last), plotHeight-8, part*last)
	}
	for member := range members {
		color := memberColors[member%len(memberColors)]
		at, value := column(samples, member, 0, q)
		var points []string
		for i := range at {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(at[i]/60), y(value[i]/q.scale)))
		}
		fmt.Fprintf(b, "<polyline fill=none stroke=%s stroke-width=1.5 points=\"%s\"/>", color, strings.Join(points, " "))
		fmt.Fprintf(b, "<text x=%d y=16 fill=%s>m%d</text>\n", plotWidth-140+member*28, color, member)
	}
	b.WriteString("</svg><br>\n")
}
