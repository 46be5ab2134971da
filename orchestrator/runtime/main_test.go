package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The tests run in namespaces of their own, so that nothing of the machine's network or mounts is touched, and nothing is left.
const (
	insideVariable = "CRI_RUNTIME_TEST_INSIDE"
	binVariable    = "CRI_RUNTIME_TEST_BIN"
)

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtime:", err)
		code = 1
	}
	os.Exit(code)
}

func testMain(m *testing.M) (int, error) {
	if os.Geteuid() != 0 {
		return m.Run(), nil
	}
	if os.Getenv(insideVariable) != "" {
		if err := furnishTest(); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}
	bin, err := os.MkdirTemp("", "cri-runtime-test")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(bin) }()
	build := exec.Command("go", "build", "-o", bin+"/", "../cmd/cri-shim", "./testdata/attacker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"=1", binVariable+"="+bin)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// A daemon may be started with inheritable capabilities, which are none of its containers'.
		AmbientCaps: []uintptr{unix.CAP_CHOWN},
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC, Pdeathsig: syscall.SIGKILL,
	}
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return 1, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// furnishTest makes the namespaces usable.
func furnishTest() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// program is one that was built for the tests.
func program(name string) string { return filepath.Join(os.Getenv(binVariable), name) }
