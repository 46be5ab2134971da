package shim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pod is what the containers of a pod share.
type pod struct {
	spec  Sandbox
	pause child
	ns    namespaces // of the pause process
	host  int        // the mount namespace of the node
}

// newPod makes a pod's namespaces and the process that keeps them.
func newPod(spec Sandbox) (*pod, error) {
	p := &pod{spec: spec}
	var err error
	if p.host, err = unix.Open("/proc/self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	if err := onThread(p.make); err != nil {
		return nil, err
	}
	if err := p.ns.open(p.pause.pid); err != nil {
		p.pause.kill()
		return nil, err
	}
	return p, nil
}

// make runs on a thread of its own.
func (p *pod) make() error {
	rest := &program{rest: true}
	leave, err := rest.place(p.spec.Cgroups, p.spec.OOMScoreAdj)
	if err != nil {
		return err
	}
	defer leave()
	flags := unix.CLONE_NEWNS
	if !p.spec.HostNetwork {
		flags |= unix.CLONE_NEWNET | unix.CLONE_NEWUTS
	}
	if !p.spec.HostIPC {
		flags |= unix.CLONE_NEWIPC
	}
	if err := unix.Unshare(flags); err != nil {
		return fmt.Errorf("shim: new namespaces: %w", err)
	}
	if !p.spec.HostNetwork {
		if err := unix.Sethostname([]byte(p.spec.Hostname)); err != nil {
			return fmt.Errorf("shim: hostname %q: %w", p.spec.Hostname, err)
		}
		if err := loopbackUp(); err != nil {
			return err
		}
	}
	if err := p.sysctls(); err != nil {
		return err
	}
	if err := p.root(); err != nil {
		return err
	}
	// Ignored, its children's ends leave no zombies: it is the init of a shared PID namespace.
	ignore := struct{ handler, flags, restorer, mask uintptr }{handler: 1}
	rest.add("ignore the end of children", unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), address(rest, &ignore), 0, 8)
	rest.add("new session", unix.SYS_SETSID)
	rest.add("name", unix.SYS_PRCTL, unix.PR_SET_NAME, rest.text("pause")).optional = true
	rest.add("close files", unix.SYS_CLOSE_RANGE, 0, ^uintptr(0)>>32, 0)
	var clone uintptr
	if p.spec.PodPID {
		clone = unix.CLONE_NEWPID
	}
	p.pause, err = fork(clone, rest)
	return err
}

// sysctls writes what the pod wants of the kernel. It is called in the pod's namespaces with the node's /proc, which shows the
// writer's namespaces.
func (p *pod) sysctls() error {
	for name, value := range p.spec.Sysctls {
		if !p.owns(name) {
			return fmt.Errorf("sysctl %q is not the pod's own", name)
		}
		path := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("sysctl %s: %w", name, err)
		}
	}
	return nil
}

// owns says whether a sysctl is of one of the pod's own namespaces.
func (p *pod) owns(name string) bool {
	if strings.Contains(name, "..") || strings.Contains(name, "/") {
		return false
	}
	switch {
	case strings.HasPrefix(name, "net."):
		return !p.spec.HostNetwork
	case strings.HasPrefix(name, "kernel.shm"), strings.HasPrefix(name, "kernel.msg"), name == "kernel.sem", strings.HasPrefix(name, "fs.mqueue."):
		return !p.spec.HostIPC
	}
	return false
}

// root gives the pause process a root with nothing in it but the memory that the pod's containers share.
func (p *pod) root() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("shim: leave the node's mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", p.spec.Dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755,size=64k"); err != nil {
		return fmt.Errorf("shim: root of the pause process: %w", err)
	}
	shm := filepath.Join(p.spec.Dir, "shm")
	if err := os.Mkdir(shm, 0o755); err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	size := fmt.Sprintf("mode=1777,size=%d", p.spec.ShmSize)
	if err := unix.Mount("shm", shm, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, size); err != nil {
		return fmt.Errorf("shim: shared memory: %w", err)
	}
	return pivot(p.spec.Dir)
}

// pivot makes a mount the root and takes the old one away.
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("shim: root %s: %w", root, err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("shim: pivot_root %s: %w", root, err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("shim: leave the old root: %w", err)
	}
	return unix.Chdir("/")
}

// loopbackUp brings up the loopback device of the caller's network namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("shim: loopback: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	var request struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], "lo")
	request.flags = unix.IFF_UP
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("shim: loopback: %w", errno)
	}
	return nil
}
