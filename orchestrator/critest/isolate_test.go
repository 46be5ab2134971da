package critest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The test's process starts itself twice: as the first process of new namespaces, which buries orphans, and below that as the tests.
const (
	stageVariable = "CRITEST_STAGE"
	dirVariable   = "CRITEST_DIR"  // the folder that all tests share; it goes with the outermost process
	skipVariable  = "CRITEST_SKIP" // why there can be no tests

	stageInit  = "init"
	stageTests = "tests"
)

func TestMain(m *testing.M) {
	flag.Parse()
	var code int
	var err error
	switch stage := os.Getenv(stageVariable); {
	case stage == stageInit:
		code, err = firstProcess()
	case stage == stageTests, os.Geteuid() != 0:
		code = m.Run()
	default:
		code, err = isolated()
		if errors.Is(err, syscall.EPERM) { // root of a container that may not have containers
			err = os.Setenv(skipVariable, "needs namespaces of its own: "+err.Error())
			code = m.Run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "critest:", err)
		code = 1
	}
	os.Exit(code)
}

// isolated runs the tests in new namespaces and removes what is beyond these: a folder and cgroups.
func isolated() (code int, err error) {
	dir, err := os.MkdirTemp("/tmp", "ct") // short, for paths of sockets have to be
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // containers' users have to get to what is mounted into them
		return 1, err
	}
	defer removeCgroups("/" + filepath.Base(dir))
	return again(stageInit, &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}, dirVariable+"="+dir)
}

// again runs this program with the same arguments as another stage, and returns its exit code.
func again(stage string, attributes *syscall.SysProcAttr, env ...string) (int, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdin, os.Stdout, os.Stderr, attributes
	cmd.Env = append(os.Environ(), append(env, stageVariable+"="+stage)...)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	if stage == stageInit {
		// Who is ended by a signal ends the namespaces, and then still cleans up.
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
		defer signal.Stop(signals)
		go func() {
			if _, told := <-signals; told {
				_ = cmd.Process.Kill() // it may have ended by itself
			}
		}()
		err := cmd.Wait()
		if cmd.ProcessState == nil {
			return 1, err
		}
		return cmd.ProcessState.ExitCode(), nil
	}
	for { // the first process of a namespace is every orphan's parent
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1, err
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case pid == cmd.Process.Pid:
			return status.ExitStatus(), nil
		}
	}
}

// firstProcess furnishes the namespaces and runs the tests in them.
func firstProcess() (int, error) {
	if err := furnish(); err != nil {
		return 1, err
	}
	return again(stageTests, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL})
}

// furnish mounts what shows the new namespaces, and brings loopback up. Nothing of it is seen outside.
func furnish() error {
	const (
		cgroups, aside = "/sys/fs/cgroup", "/run/cgroup"
		safe           = unix.MS_NOSUID | unix.MS_NODEV
	)
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"proc", "/proc", "proc", safe | unix.MS_NOEXEC},
		{"tmpfs", "/run", "tmpfs", safe}, // sockets of shims, locks of iptables
		{cgroups, aside, "", unix.MS_BIND | unix.MS_REC},
		{"sysfs", "/sys", "sysfs", safe | unix.MS_NOEXEC},
		{aside, cgroups, "", unix.MS_BIND | unix.MS_REC},
	} {
		if m.target == aside {
			if err := os.Mkdir(aside, 0o755); err != nil {
				return err
			}
		}
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := unix.Unmount(aside, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", aside, err)
	}
	// Containers may share mounts with the node; on a node all of them are shared from the start.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600)
}

// cgroupRoots are where this machine's hierarchies are mounted: one a controller with cgroup v1, one for all with v2.
func cgroupRoots() []string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return []string{"/sys/fs/cgroup"}
	}
	roots, err := filepath.Glob("/sys/fs/cgroup/*")
	if err != nil {
		return nil
	}
	return roots
}

// removeCgroups removes a cgroup and those below it; their processes have ended.
func removeCgroups(name string) {
	for _, root := range cgroupRoots() {
		dirs := cgroupsBelow(filepath.Join(root, name))
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := os.Remove(dirs[i]); err != nil && !os.IsNotExist(err) {
				fmt.Fprintln(os.Stderr, "critest:", err)
			}
		}
	}
}

// cgroupsBelow are a cgroup's folder, if it is there, and those below it, parents first.
func cgroupsBelow(dir string) (dirs []string) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // what vanishes meanwhile is gone
	})
	return dirs
}

// processes are the command lines of all processes but this one and the first, by their ids: what runs in our namespace is ours.
func processes() map[int]string {
	found := map[int]string{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || len(line) == 0 {
			continue // it has ended
		}
		found[pid] = strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " ")
	}
	return found
}
