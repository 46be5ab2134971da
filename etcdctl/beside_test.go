package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"time"
)

// besideTimeout is how long `until` and `join` wait.
const besideTimeout = 30 * time.Second

// beside is a running command.
type beside struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out, err locked
	done     chan struct{} // closed when it has ended
	failed   error         // of Wait; read after done
}

// end stops the command and waits for it.
func (b *beside) end(sig os.Signal) {
	if err := b.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = b.cmd.Process.Kill()
	}
	select {
	case <-b.done:
	case <-time.After(besideTimeout):
		_ = b.cmd.Process.Kill()
		<-b.done
	}
}

// until waits until the command has printed what the pattern matches.
func (b *beside) until(pattern string) error {
	if b == nil {
		return errors.New("no command runs beside the session")
	}
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(besideTimeout)
	printed := func() bool { return re.MatchString(b.out.String()) || re.MatchString(b.err.String()) }
	for !printed() {
		select {
		case <-tick.C:
		case <-b.done:
			if printed() {
				return nil
			}
			return fmt.Errorf("ended with %w; printed %q and %q", b.failed, b.out.String(), b.err.String())
		case <-timeout:
			return fmt.Errorf("not within %v; printed %q and %q", besideTimeout, b.out.String(), b.err.String())
		}
	}
	return nil
}

// locked is a buffer that can be read while a process writes to it.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
