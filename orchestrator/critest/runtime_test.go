package critest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Runtime is a container runtime that the suite starts, crashes, and starts again.
type Runtime interface {
	Name() string
	// Start returns when the runtime answers on its socket.
	Start(ctx context.Context) error
	// Kill ends the daemon as a crash does, and nothing that it has started.
	Kill() error
	// Stop ends the daemon as an operator does. Its pods live on.
	Stop() error
	// Socket is the path of its CRI socket.
	Socket() string
	// Log is the file of what the daemon writes.
	Log() string
	// PID is the running daemon's process.
	PID() int
	// Shim tells by a command line that a process is one of those that hold containers while the daemon is away.
	Shim(command string) bool
}

// The names of the runtimes, for cases that say where one differs.
const (
	containerdName = "containerd"
	embeddedName   = "embedded"
)

// daemon is a runtime's process.
type daemon struct {
	name   string
	socket string
	log    string // the file of its output
	path   string
	args   []string

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func (d *daemon) Name() string   { return d.name }
func (d *daemon) Socket() string { return d.socket }
func (d *daemon) Log() string    { return d.log }
func (d *daemon) PID() int       { return d.cmd.Process.Pid }

func (d *daemon) Start(ctx context.Context) error {
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(d.path, d.args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", d.name, err)
	}
	d.cmd, d.done = cmd, make(chan struct{})
	go func(done chan struct{}) {
		_ = cmd.Wait() // how it ended is in its log
		close(done)
	}(d.done)
	for {
		if err := answers(ctx, d.socket); err == nil {
			return nil
		}
		select {
		case <-d.done:
			return fmt.Errorf("%s has ended, see %s", d.name, d.log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", d.name, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (d *daemon) Kill() error { return d.end(syscall.SIGKILL) }
func (d *daemon) Stop() error { return d.end(syscall.SIGTERM) }

func (d *daemon) end(s os.Signal) error {
	if d.cmd == nil {
		return nil
	}
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-d.done:
		return nil
	case <-time.After(30 * time.Second):
		return errors.Join(fmt.Errorf("%s does not end", d.name), d.cmd.Process.Kill())
	}
}
