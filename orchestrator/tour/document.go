package tour

import (
	"fmt"
	"strings"
)

// Document is a page: text, and blocks of commands between it.
type Document struct {
	// text has one part more than there are blocks: what is before the first, between each two, and after the last.
	text   []string
	Blocks []*Block
}

// Block is a fenced block of kind "console".
type Block struct {
	Line  int  // of the page, on which it begins
	Other bool // it is about a program in another terminal
	Steps []*Step
}

// Step is a command and what it prints.
type Step struct {
	Command string
	Output  []string
}

// How a page says it.
const (
	fence      = "```"
	kind       = fence + "console"
	otherKind  = kind + " other-terminal"
	prompt     = "$ "
	interrupt  = "^C"
	anything   = "…"
	lineGoesOn = `\`
	newline    = "\n"
)

// Parse reads a page. Errors name the line.
func Parse(page string) (*Document, error) {
	d := &Document{}
	var text strings.Builder
	var block *Block
	for i, line := range strings.SplitAfter(page, newline) {
		number, bare := i+1, strings.TrimRight(line, " \n")
		switch {
		case block == nil && (bare == kind || bare == otherKind):
			block = &Block{Line: number, Other: bare == otherKind}
			d.text = append(d.text, text.String())
			text.Reset()
		case block == nil && strings.HasPrefix(bare, kind):
			return nil, fmt.Errorf("tour: line %d: a block is of kind %q or %q", number, kind[3:], otherKind[3:])
		case block == nil:
			text.WriteString(line)
		case bare == fence:
			if len(block.Steps) == 0 {
				return nil, fmt.Errorf("tour: line %d: a block without a command", block.Line)
			}
			d.Blocks = append(d.Blocks, block)
			block = nil
		default:
			if err := block.add(bare); err != nil {
				return nil, fmt.Errorf("tour: line %d: %w", number, err)
			}
		}
	}
	if block != nil {
		return nil, fmt.Errorf("tour: line %d: a block that doesn't end", block.Line)
	}
	d.text = append(d.text, text.String())
	return d, nil
}

// add reads a line of a block.
func (b *Block) add(line string) error {
	var last *Step
	if n := len(b.Steps); n > 0 {
		last = b.Steps[n-1]
	}
	switch {
	case last != nil && len(last.Output) == 0 && strings.HasSuffix(last.Command, lineGoesOn):
		last.Command += newline + line
	case strings.HasPrefix(line, prompt):
		b.Steps = append(b.Steps, &Step{Command: strings.TrimPrefix(line, prompt)})
	case line == interrupt && b.Other:
		b.Steps = append(b.Steps, &Step{Command: interrupt})
	case last == nil:
		return fmt.Errorf("%q is before the block's first command", line)
	default:
		last.Output = append(last.Output, line)
	}
	return nil
}

// String is the block as it stands on the page, without its fences.
func (b *Block) String() string {
	var s strings.Builder
	for _, step := range b.Steps {
		if step.Command != interrupt {
			s.WriteString(prompt)
		}
		s.WriteString(step.Command + newline)
		for _, line := range step.Output {
			s.WriteString(line + newline)
		}
	}
	return s.String()
}

// String is the page.
func (d *Document) String() string {
	var s strings.Builder
	for i, text := range d.text {
		s.WriteString(text)
		if i == len(d.Blocks) {
			break
		}
		opening := kind
		if d.Blocks[i].Other {
			opening = otherKind
		}
		s.WriteString(opening + newline + d.Blocks[i].String() + fence + newline)
	}
	return s.String()
}

// Console is all that the page shows of terminals: translations of one page have the same.
func (d *Document) Console() string {
	var s strings.Builder
	for _, b := range d.Blocks {
		if b.Other {
			s.WriteString("(another terminal)\n")
		}
		s.WriteString(b.String() + newline)
	}
	return s.String()
}
