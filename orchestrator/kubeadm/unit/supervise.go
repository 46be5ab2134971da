package unit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// patience is how long a program may take to end when it is asked to.
const patience = 20 * time.Second

// Supervisor keeps units running.
type Supervisor struct {
	RunDir, LogDir string
}

// Run starts the units in their order and starts each again whenever it ends, until ctx does; then it ends them in the opposite order.
func (s *Supervisor) Run(ctx context.Context, units []*Unit) error {
	for _, dir := range []string{s.RunDir, s.LogDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("unit: %w", err)
		}
	}
	var stops []func()
	for _, u := range units {
		stops = append(stops, s.keep(u))
	}
	<-ctx.Done()
	for i := len(stops) - 1; i >= 0; i-- {
		stops[i]()
	}
	return nil
}

// keep runs a unit again and again. The returned function ends it.
func (s *Supervisor) keep(u *Unit) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		runtime.LockOSThread() // the program is told of the end of the thread that started it
		for ctx.Err() == nil {
			if err := s.once(ctx, u); err != nil && ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "%s %s: %v\n", time.Now().Format(time.RFC3339), u.Name, err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(restartAfter):
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// once runs a unit until it ends, or ctx does.
func (s *Supervisor) once(ctx context.Context, u *Unit) error {
	out, err := os.OpenFile(filepath.Join(s.LogDir, u.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, u.Exec[0], u.Exec[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := s.PidFile(u.Name)
	if err := os.WriteFile(pid, []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	if err := errors.Join(cmd.Wait(), os.Remove(pid)); err != nil {
		return err
	}
	return errors.New("ended")
}

// PidFile is where a unit's process id is while it runs.
func (s *Supervisor) PidFile(name string) string { return filepath.Join(s.RunDir, name+".pid") }
