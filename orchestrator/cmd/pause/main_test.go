package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// It buries a child that it has inherited, goes on, and ends when it is told to.
func TestPause(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pause")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	// The shell's child becomes that of the program which replaces the shell.
	cmd := exec.Command("sh", "-c", "sleep 0.2 & exec "+program)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	file := func(name string) string {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", cmd.Process.Pid, name))
		if err != nil {
			return ""
		}
		return string(content)
	}
	require.Eventually(t, func() bool { return strings.HasPrefix(file("comm"), "pause") }, 10*time.Second, time.Millisecond)
	children := fmt.Sprintf("task/%d/children", cmd.Process.Pid)
	require.Eventually(t, func() bool { return strings.TrimSpace(file(children)) == "" }, 10*time.Second, time.Millisecond, "a dead child is left")
	select {
	case err := <-ended:
		require.Fail(t, "it has ended by itself", "%v", err)
	default:
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-ended)
}
