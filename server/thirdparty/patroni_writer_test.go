//go:build linux

package thirdparty

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writer inserts one row after the other into whichever node is the primary, and keeps those whose commit was acknowledged.
type writer struct {
	dsn    string
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	acked  []int
	last   time.Time
	gap    time.Duration // the longest time between two acknowledged rows
	broken int           // connections that could not be made, or ended before they were asked to
}

// startWriter makes the table and begins. libpq looks for the primary among the nodes.
func startWriter(t *testing.T, p *patroni) *writer {
	t.Helper()
	var hosts, ports []string
	for _, n := range p.nodes {
		hosts, ports = append(hosts, "127.0.0.1"), append(ports, n.pgPort)
	}
	dsn := fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres target_session_attrs=read-write connect_timeout=2",
		strings.Join(hosts, ","), strings.Join(ports, ","))
	out, err := exec.CommandContext(t.Context(), "psql", psqlFlags, "-c", "CREATE TABLE journal (n int PRIMARY KEY)", dsn).CombinedOutput()
	require.NoError(t, err, "%s", out)
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{dsn: dsn, cancel: cancel, done: make(chan struct{}), last: time.Now()}
	go func() {
		defer close(w.done)
		for row := 1; ctx.Err() == nil; {
			row = w.session(ctx, row)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-w.done
	})
	return w
}

// session inserts rows over one connection from a row on, and returns the first that it has not tried. A row whose fate is unknown is not
// tried again.
func (w *writer) session(ctx context.Context, row int) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "psql", psqlFlags, "-v", "ON_ERROR_STOP=1", w.dsn)
	in, err := cmd.StdinPipe()
	if err != nil {
		return row
	}
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return row
	}
	defer func() { _ = cmd.Wait() }() // killed by cancel, or ended by an error of the server's
	defer cancel()
	answers := bufio.NewScanner(out)
	for ; ctx.Err() == nil; row++ {
		if !insert(in, answers, row, cancel) {
			w.mu.Lock()
			w.broken++
			w.mu.Unlock()
			pause(ctx, 250*time.Millisecond)
			return row + 1
		}
		w.mu.Lock()
		w.acked = append(w.acked, row)
		w.gap, w.last = max(w.gap, time.Since(w.last)), time.Now()
		w.mu.Unlock()
		pause(ctx, 20*time.Millisecond)
	}
	return row
}

// insert asks for one row and waits for its commit. A server that does not answer in time may be one that waits for a replica that is gone.
func insert(in io.Writer, answers *bufio.Scanner, row int, cancel context.CancelFunc) bool {
	if _, err := fmt.Fprintf(in, "INSERT INTO journal VALUES (%d) RETURNING n;\n", row); err != nil {
		return false
	}
	impatient := time.AfterFunc(15*time.Second, cancel)
	defer impatient.Stop()
	return answers.Scan() && answers.Text() == fmt.Sprint(row)
}

// pause leaves the machine to others: the load is to be steady, not high.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// waitForMore waits until so many more rows were committed.
func (w *writer) waitForMore(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acked)
	}
	goal := count() + more
	until(t, writeTimeout, "further committed rows", func() bool { return count() >= goal })
}

// stop ends the writing and returns the rows that were committed.
func (w *writer) stop(t *testing.T) []int {
	t.Helper()
	w.cancel()
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.acked)
}

// pauses tells how the writing went since it was last asked.
func (w *writer) pauses() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := fmt.Sprintf("longest pause of the writer %.1fs, %d connections lost", w.gap.Seconds(), w.broken)
	w.gap, w.broken = 0, 0
	return told
}
