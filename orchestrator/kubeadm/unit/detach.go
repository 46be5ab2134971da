package unit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// supervisorName is the supervisor's own in the folders of process ids and logs.
const supervisorName = "supervisor"

// Detach starts a supervisor that outlives this process, by the command line that runs one.
func (s *Supervisor) Detach(command ...string) error {
	for _, dir := range []string{s.RunDir, s.LogDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("unit: %w", err)
		}
	}
	out, err := os.OpenFile(filepath.Join(s.LogDir, supervisorName+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unit: start the supervisor: %w", err)
	}
	if err := os.WriteFile(s.PidFile(supervisorName), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		return errors.Join(fmt.Errorf("unit: %w", err), cmd.Process.Kill())
	}
	return cmd.Process.Release()
}

// Stop ends the supervisor, and with it its programs, if it runs.
func (s *Supervisor) Stop() error {
	return s.end(supervisorName, 3*patience)
}

// Pid is the process id of a unit; 0 where it doesn't run.
func (s *Supervisor) Pid(name string) int {
	text, err := os.ReadFile(s.PidFile(name))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || !alive(pid) {
		return 0
	}
	return pid
}

// end asks a process to end, and makes it after a while.
func (s *Supervisor) end(name string, wait time.Duration) error {
	pid := s.Pid(name)
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("unit: end %s: %w", name, err)
	}
	for deadline := time.Now().Add(wait); alive(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("unit: %s (process %d) did not end", name, pid), syscall.Kill(pid, syscall.SIGKILL))
		}
	}
	if err := os.Remove(s.PidFile(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("unit: %w", err)
	}
	return nil
}

// alive tells whether a process is there and has not ended.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, found := strings.Cut(string(stat), ") ") // a program's name may hold anything but this
	return found && !strings.HasPrefix(after, "Z")
}
