package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Member is one server process with its ports and its folder. The process may
// come and go; ports, data and log stay.
type Member struct {
	// Fixed after construction.
	Name             string
	ClientURL        string
	PeerURL          string // where it listens
	AdvertisePeerURL string // what other members dial; PeerURL unless a proxy stands between
	DataDir          string
	LogPath          string
	binary           string
	env              []string
	tls              *tls.Config // of Get

	mu    sync.Mutex
	flags []string
	run   *run // nil before the first Start
}

// run is one life of the process.
type run struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed once the process was reaped
	err    error         // of Wait; valid after exited
}

func (r *run) ended() bool {
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

// Start begins a new life of the process with the same flags. It returns as
// soon as the process exists; see WaitHealthy.
func (m *Member) Start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run != nil && !m.run.ended() {
		return fmt.Errorf("%w: %s", ErrRunning, m.Name)
	}
	if err := os.MkdirAll(filepath.Dir(m.LogPath), 0o700); err != nil {
		return fmt.Errorf("process: start %s: %w", m.Name, err)
	}
	logFile, err := os.OpenFile(m.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("process: start %s: %w", m.Name, err)
	}
	defer logFile.Close() // the child holds its own copy

	cmd := exec.Command(m.binary, m.flags...)
	cmd.Env = m.env
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = sysProcAttr()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("process: start %s: %w", m.Name, err)
	}
	r := &run{cmd: cmd, exited: make(chan struct{})}
	go func() {
		r.err = cmd.Wait()
		close(r.exited)
	}()
	m.run = r
	return nil
}

// AddFlags adds flags from the next Start on; of a flag given twice the last
// one counts.
func (m *Member) AddFlags(flags ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flags = append(m.flags[:len(m.flags):len(m.flags)], flags...)
}

// Args is the command line of the next Start, without the program's name.
func (m *Member) Args() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.flags...)
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (m *Member) Kill() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end(syscall.SIGKILL, 0)
}

// Stop asks the process to end (SIGTERM) and kills it when it has not ended
// after timeout, which is an error. A paused process is woken first.
func (m *Member) Stop(timeout time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end(syscall.SIGTERM, timeout)
}

// end sends sig and reaps; m.mu is held.
func (m *Member) end(sig syscall.Signal, timeout time.Duration) error {
	if err := m.signal(sig); err != nil {
		return err
	}
	if sig == syscall.SIGKILL {
		<-m.run.exited
		return nil
	}
	// A stopped process gets the signal only when it continues.
	_ = m.run.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-m.run.exited:
		return nil
	case <-time.After(timeout):
	}
	if err := m.signal(syscall.SIGKILL); err != nil {
		return nil // it ended in the meantime
	}
	<-m.run.exited
	return fmt.Errorf("process: %s did not end within %v of the signal %q and was killed", m.Name, timeout, sig)
}

// quit makes a Go program write its goroutines to its log and end (SIGQUIT).
func (m *Member) quit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end(syscall.SIGQUIT, 5*time.Second)
}

// Pause stops the process where it stands (SIGSTOP): its sockets stay open and
// answer nothing, as on a machine that hangs. On Linux it has stopped on return.
func (m *Member) Pause() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for end := time.Now().Add(stopMax); !m.run.ended() && !stopped(m.run.cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("process: pause %s: a thread goes on", m.Name)
		}
	}
	return nil
}

// stopMax is how long threads may take to stop; one that waits for a disk stops when that answers.
const stopMax = 10 * time.Second

// Resume lets a paused process go on.
func (m *Member) Resume() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.signal(syscall.SIGCONT)
}

// Restart kills the process if it runs and starts it again.
func (m *Member) Restart() error {
	if err := m.Kill(); err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	return m.Start()
}

// signal reaches only a process that has not been reaped (I3); m.mu is held.
func (m *Member) signal(sig syscall.Signal) error {
	if m.run == nil || m.run.ended() {
		return fmt.Errorf("%w: %s", ErrNotRunning, m.Name)
	}
	if err := m.run.cmd.Process.Signal(sig); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("%w: %s", ErrNotRunning, m.Name)
		}
		return fmt.Errorf("process: signal %s: %w", m.Name, err)
	}
	return nil
}

// Running says whether the process exists (paused or not).
func (m *Member) Running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run != nil && !m.run.ended()
}

// PID is the process id of the current or last life, 0 before the first.
func (m *Member) PID() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run == nil {
		return 0
	}
	return m.run.cmd.Process.Pid
}

// Exited returns a channel that is closed when the current life has ended; for
// a member that was never started it is closed already.
func (m *Member) Exited() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run == nil {
		done := make(chan struct{})
		close(done)
		return done
	}
	return m.run.exited
}

// Wait waits for the process to end by itself and returns its exit code, -1
// when a signal ended it.
func (m *Member) Wait(ctx context.Context) (int, error) {
	m.mu.Lock()
	r := m.run
	m.mu.Unlock()
	if r == nil {
		return 0, fmt.Errorf("%w: %s", ErrNotRunning, m.Name)
	}
	select {
	case <-r.exited:
		return r.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// LogTail returns the last lines of the member's log, for failure messages.
func (m *Member) LogTail(lines int) string {
	data, err := os.ReadFile(m.LogPath)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
