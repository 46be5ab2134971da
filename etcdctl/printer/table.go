package printer

import (
	"bytes"
	"strings"

	runewidth "github.com/mattn/go-runewidth"
)

// table draws lists of members and endpoints as a box: headings in capitals
// and centered, cells to the right.
type table struct{ o Options }

func (t *table) Print(reply any) error {
	header, lines, ok := rows(reply)
	if !ok {
		return unsupported("table")
	}
	heading := make([]string, len(header))
	for i, h := range header {
		heading[i] = strings.ToUpper(strings.ReplaceAll(h, "_", " "))
	}
	var b bytes.Buffer
	drawBox(&b, heading, lines)
	return flush(t.o.Out, &b)
}

// drawBox writes the box. Columns are as wide as their widest cell on screen.
func drawBox(b *bytes.Buffer, heading []string, lines [][]string) {
	widths := make([]int, len(heading))
	for i, h := range heading {
		widths[i] = runewidth.StringWidth(h)
	}
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	drawRule(b, widths, "┌", "┬", "┐")
	for i, h := range heading {
		free := widths[i] - runewidth.StringWidth(h)
		drawCell(b, h, free/2, free-free/2)
	}
	b.WriteString("│\n")
	if len(lines) > 0 {
		drawRule(b, widths, "├", "┼", "┤")
	}
	for _, line := range lines {
		for i, cell := range line {
			drawCell(b, cell, widths[i]-runewidth.StringWidth(cell), 0)
		}
		b.WriteString("│\n")
	}
	drawRule(b, widths, "└", "┴", "┘")
}

func drawCell(b *bytes.Buffer, text string, before, after int) {
	b.WriteString("│ ")
	b.WriteString(strings.Repeat(" ", before))
	b.WriteString(text)
	b.WriteString(strings.Repeat(" ", after+1))
}

func drawRule(b *bytes.Buffer, widths []int, left, middle, right string) {
	for i, w := range widths {
		if i == 0 {
			b.WriteString(left)
		} else {
			b.WriteString(middle)
		}
		b.WriteString(strings.Repeat("─", w+2))
	}
	b.WriteString(right + "\n")
}
