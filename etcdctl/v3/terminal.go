package v3

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/petcd/petcd/etcdctl/host"
)

// askPassword reads a line from the terminal without showing it.
func (c *ctl) askPassword(prompt string) (string, error) {
	password, asked, err := c.ReadPassword(prompt)
	if !asked {
		return "", errors.New("a password is needed, and standard input is not a terminal to ask for it")
	}
	return password, err
}

// progress shows on a terminal how far long work has come; elsewhere it is
// silent (C4). It is safe for concurrent use.
type progress struct {
	out   io.Writer // nil if nobody looks
	total int

	mu      sync.Mutex
	done    int
	percent int
}

func (c *ctl) newProgress(total int) *progress {
	p := &progress{total: total, percent: -1}
	if host.IsTerminal(c.Stderr) {
		p.out = c.Stderr
	}
	p.add(0)
	return p
}

// add counts n more of the total as done.
func (p *progress) add(n int) {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if percent := p.done * 100 / max(p.total, 1); percent != p.percent {
		p.percent = percent
		fmt.Fprintf(p.out, "\r%d / %d  %d%%", p.done, p.total, percent)
	}
}

// finish leaves the line.
func (p *progress) finish() {
	if p.out != nil {
		fmt.Fprintln(p.out)
	}
}

// lockedWriter lets several watches share one stream.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
