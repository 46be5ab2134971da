package clustertest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a program that runs beside the test.
type Process struct {
	Name string
	Log  string // the file of its output

	bin  string
	args []string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how, once it has
}

// newProcess describes a program; nothing runs before start.
func newProcess(dir, name, bin string, args ...string) *Process {
	return &Process{Name: name, Log: filepath.Join(dir, name+".log"), bin: bin, args: args}
}

// start runs the program; its output is added to what earlier runs wrote.
func (p *Process) start() error {
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("clustertest: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(p.bin, p.args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("clustertest: start %s: %w", p.Name, err)
	}
	p.cmd, p.done = cmd, make(chan struct{})
	go func(done chan struct{}) {
		p.err = cmd.Wait()
		close(done)
	}(p.done)
	return nil
}

// running tells that the program was started and has not ended.
func (p *Process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the program as a crash does.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL, time.Minute) }

// Stop ends the program as an operator does.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM, time.Minute) }

func (p *Process) end(sig os.Signal, patience time.Duration) error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("clustertest: end %s: %w", p.Name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("clustertest: %s did not end", p.Name), p.cmd.Process.Kill())
	}
}

// PID is the running program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// tail is the end of the program's output.
func (p *Process) tail(lines int) string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// freePorts are n ports on loopback that nobody listens on now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("clustertest: %w", err)
		}
		defer l.Close() // all at the end, so that none is given twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
