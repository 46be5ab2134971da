package shim

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// defaultPath is where programs are looked for when the environment doesn't say.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// openFiles is how many files a process may have open before it asks for more.
const openFiles = 1024

// kernel is what the shim finds out once: what this kernel knows and what the shim itself may.
type kernel struct {
	lastCapability uintptr
	capabilities   uint64
	files          unix.Rlimit
}

// lookAround finds out what kernel is for.
func lookAround() (kernel, error) {
	var k kernel
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return k, fmt.Errorf("shim: %w", err)
	}
	n, ok := number(strings.TrimSpace(string(last)))
	if !ok {
		return k, fmt.Errorf("shim: cap_last_cap is %q", last)
	}
	k.lastCapability = uintptr(n)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return k, fmt.Errorf("shim: capabilities: %w", err)
	}
	k.capabilities = uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &k.files); err != nil {
		return k, fmt.Errorf("shim: limits: %w", err)
	}
	k.files.Cur = min(openFiles, k.files.Max)
	return k, nil
}

// prepare finds the program, its user and its folder in the root that the caller's thread has.
func (p *Process) prepare() (file string, u User, err error) {
	if len(p.Args) == 0 {
		return "", u, errors.New("no command specified")
	}
	u, home, err := p.resolve()
	if err != nil {
		return "", u, err
	}
	if !slices.ContainsFunc(p.Env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		p.Env = append(p.Env, "HOME="+home)
	}
	if p.Dir == "" {
		p.Dir = "/"
	}
	if err := enterDir(p.Dir); err != nil {
		return "", u, fmt.Errorf("working directory %s: %w", p.Dir, err)
	}
	file, err = p.lookUp()
	return file, u, err
}

// enterDir makes a folder, if it isn't there, and enters it. The thread may do what the container may not, so no link through /proc
// is followed: it could lead to the root of another process.
func enterDir(dir string) error {
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(root) }()
	fd, err := makeTarget(root, dir, true)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Fchdir(fd)
}

// lookUp finds the program as a shell would.
func (p *Process) lookUp() (string, error) {
	name := p.Args[0]
	if strings.Contains(name, "/") {
		if err := executable(name); err != nil {
			return "", fmt.Errorf("exec: %q: %w", name, errors.Unwrap(err))
		}
		return name, nil
	}
	where := defaultPath
	for _, e := range p.Env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			where = v
		}
	}
	for _, dir := range filepath.SplitList(where) {
		if file := path.Join("/", dir, name); executable(file) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", name)
}

// executable says why a file can't be run. Links are the container's: the caller's thread has its root.
func executable(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return &os.PathError{Op: "exec", Path: name, Err: unix.EISDIR}
	case info.Mode()&0o111 == 0:
		return &os.PathError{Op: "exec", Path: name, Err: unix.EACCES}
	}
	return nil
}

// finish appends to a child's steps those that make it the process: its streams, its user, what it may no longer do, and the program.
func (p *Process) finish(steps *program, k kernel, file string, u User, streams [3]int) {
	steps.add("new session", unix.SYS_SETSID)
	for i, fd := range streams {
		// A stream may itself be 0, 1 or 2 only if it is the right one: the shim opens /dev/null there at its start.
		steps.add("stream", unix.SYS_DUP3, uintptr(fd), uintptr(i), 0)
	}
	if p.Terminal {
		steps.add("controlling terminal", unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0)
	}
	steps.add("new keyring", unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0).optional = true
	steps.add("limits", unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, address(steps, &k.files), 0)
	steps.add("umask", unix.SYS_UMASK, 0o022)
	if len(p.Seccomp) > 0 && !p.NoNewPrivs {
		p.filter(steps) // later it may no longer
	}
	for c := uintptr(0); c <= k.lastCapability; c++ {
		if p.Bounding&(1<<c) == 0 {
			steps.add("drop capability", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		}
	}
	if p.Ambient != 0 {
		steps.add("keep capabilities", unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	}
	groups := uintptr(0)
	if len(u.Groups) > 0 {
		list := slices.Clone(u.Groups)
		groups = address(steps, &list[0])
	}
	steps.add("groups", unix.SYS_SETGROUPS, uintptr(len(u.Groups)), groups)
	steps.add("group", unix.SYS_SETRESGID, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID))
	steps.add("user", unix.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID))
	p.capabilities(steps, k, u)
	if p.NoNewPrivs {
		steps.add("no new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	if len(p.Seccomp) > 0 && p.NoNewPrivs {
		p.filter(steps)
	}
	steps.add("close files", unix.SYS_CLOSE_RANGE, 3, ^uintptr(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
	what := fmt.Sprintf("exec: %q", p.Args[0])
	steps.add(what, unix.SYS_EXECVE, steps.text(file), steps.texts(p.Args), steps.texts(p.Env))
}

// capabilities leaves the process what it is to have.
func (p *Process) capabilities(steps *program, k kernel, u User) {
	have := p.Ambient
	if u.UID == 0 {
		have |= p.Capabilities
	}
	have &= k.capabilities & p.Bounding
	ambient := p.Ambient & have
	// Also where setresuid has taken all: what the daemon was started with as inheritable would stay.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(have), Permitted: uint32(have), Inheritable: uint32(ambient)},
		{Effective: uint32(have >> 32), Permitted: uint32(have >> 32), Inheritable: uint32(ambient >> 32)},
	}
	steps.add("capabilities", unix.SYS_CAPSET, address(steps, &header), address(steps, &data))
	for c := uintptr(0); c <= k.lastCapability; c++ {
		if ambient&(1<<c) != 0 {
			steps.add("ambient capability", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0)
		}
	}
}

// filter installs the filter of system calls.
func (p *Process) filter(steps *program) {
	const size = unsafe.Sizeof(unix.SockFilter{})
	instructions := make([]unix.SockFilter, max(1, uintptr(len(p.Seccomp))/size)) // an empty one the kernel refuses
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&instructions[0])), len(p.Seccomp)), p.Seccomp)
	f := unix.SockFprog{Len: uint16(len(instructions)), Filter: &instructions[0]}
	steps.add("seccomp", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, address(steps, &f))
}
