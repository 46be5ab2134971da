package robustness

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aloneEnv names the test that runs in namespaces of its own.
const aloneEnv = "PETCD_ALONE"

// alone runs the test once more, as root of namespaces of its own, and takes over its verdict: mounts and networks made there
// vanish with it, however it ends. It returns true in that second run; in the first one the test is over.
func alone(t *testing.T, namespaces uintptr) bool {
	t.Helper()
	if os.Getenv(aloneEnv) == t.Name() {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, for namespaces of its own")
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+time.Until(deadline).String())
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), aloneEnv+"="+t.Name(), "PETCD_BIN="+server(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: namespaces, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if testing.Verbose() {
		cmd.Stdout = io.MultiWriter(&out, os.Stdout)
	}
	runtime.LockOSThread() // the child ends with the thread that started it
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	require.NoError(t, err, out.String())
	if bytes.Contains(out.Bytes(), []byte("--- SKIP")) {
		t.SkipNow()
	}
	return false
}
