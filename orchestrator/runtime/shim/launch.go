package shim

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// launched is a process that runs, and the shim's ends of its streams.
type launched struct {
	child
	user           User
	terminal       *os.File // or:
	stdin          *os.File // nil where it has none
	stdout, stderr *os.File
}

// streams are the descriptors that a process is given. They are closed in the shim when it runs.
type streams struct {
	fds  [3]int
	open []int
}

// close closes the process' ends.
func (s *streams) close() { closeAll(s.open) }

// pipes makes streams whose other ends are the shim's.
func (l *launched) pipes(stdin bool) (*streams, error) {
	s := &streams{}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	s.open = append(s.open, null)
	s.fds = [3]int{null, null, null}
	for i, ours := range []**os.File{&l.stdin, &l.stdout, &l.stderr} {
		if i == 0 && !stdin {
			continue
		}
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			s.close()
			l.closeStreams()
			return nil, fmt.Errorf("shim: pipe: %w", err)
		}
		keep, give := ends[0], ends[1]
		if i == 0 {
			keep, give = give, keep
		}
		_ = unix.SetNonblock(keep, true) // so that Go waits for it without a thread
		*ours = os.NewFile(uintptr(keep), "stream")
		s.fds[i], s.open = give, append(s.open, give)
	}
	return s, nil
}

// closeStreams closes the shim's ends.
func (l *launched) closeStreams() {
	for _, f := range []*os.File{l.terminal, l.stdin, l.stdout, l.stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// start makes a container in a pod and starts its first process. target is the process whose PID namespace it joins, if that is what
// it wants.
func (p *pod) start(c *Container, k kernel, target int) (*launched, error) {
	if len(c.Layers) == 0 {
		return nil, errors.New("an image without layers")
	}
	l := &launched{}
	err := onThread(func() error { return p.launch(c, k, target, l) })
	if err != nil {
		l.closeStreams()
		return nil, err
	}
	return l, nil
}

// launch runs on a thread of its own.
func (p *pod) launch(c *Container, k kernel, target int, l *launched) error {
	steps := &program{}
	leave, err := steps.place(c.Cgroup.Dirs, c.Process.OOMScoreAdj)
	if err != nil {
		return err
	}
	defer leave()
	all, err := c.sources()
	if err != nil {
		return err
	}
	shm, err := p.sharedMemory()
	if err != nil {
		return err
	}
	if err := p.enterShared(); err != nil {
		return err
	}
	var flags uintptr
	switch c.PID {
	case PodPID:
		err = enter(p.ns.pid, unix.CLONE_NEWPID, "pod's PID namespace")
	case TargetPID:
		err = enter(target, unix.CLONE_NEWPID, "PID namespace of "+c.PIDTarget)
	case OwnPID:
		flags = unix.CLONE_NEWPID
	}
	if err != nil {
		return err
	}
	if err := c.enterRoot(append(all, shm)); err != nil {
		return err
	}
	file, user, err := c.Process.prepare()
	if err != nil {
		return err
	}
	if c.ReadOnly {
		if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("shim: read-only root: %w", err)
		}
	}
	c.mountProc(steps)
	return l.run(&c.Process, steps, k, file, user, flags, func() (*streams, error) { return l.pipes(c.Stdin) })
}

// sharedMemory detaches /dev/shm of the pod, or of the node.
func (p *pod) sharedMemory() (source, error) {
	if p.spec.HostIPC {
		return detach(Mount{Source: "/dev/shm", Target: "/dev/shm", NoDevices: true}, false)
	}
	if err := enter(p.ns.mnt, unix.CLONE_NEWNS, "pod's mount namespace"); err != nil {
		return source{}, err
	}
	shm, err := detach(Mount{Source: "/shm", Target: "/dev/shm"}, false)
	return shm, errors.Join(err, enter(p.host, unix.CLONE_NEWNS, "node's mount namespace"))
}

// enterShared puts the caller's thread into the namespaces that all containers of the pod share.
func (p *pod) enterShared() error {
	if !p.spec.HostNetwork {
		if err := errors.Join(enter(p.ns.net, unix.CLONE_NEWNET, "network namespace"), enter(p.ns.uts, unix.CLONE_NEWUTS, "UTS namespace")); err != nil {
			return err
		}
	}
	if !p.spec.HostIPC {
		return enter(p.ns.ipc, unix.CLONE_NEWIPC, "IPC namespace")
	}
	return nil
}

// mountProc is what the container's first process itself has to mount, being in the PID namespace that /proc shows.
func (c *Container) mountProc(steps *program) {
	const strict = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	proc := steps.text("proc")
	steps.add("mount /proc", unix.SYS_MOUNT, proc, steps.text("/proc"), proc, strict, 0)
	for _, name := range c.Fixed {
		path := steps.text(name)
		// Where there is no such file in this kernel, there is nothing to protect.
		steps.add("bind "+name, unix.SYS_MOUNT, path, path, 0, unix.MS_BIND|unix.MS_REC, 0).absent = true
		steps.add("read-only "+name, unix.SYS_MOUNT, path, path, 0, unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|strict, 0).absent = true
	}
	null, tmpfs, options := steps.text("/dev/null"), steps.text("tmpfs"), steps.text("size=0k")
	for _, name := range c.Masked {
		path := steps.text(name)
		// One of the two fits: a file or a folder.
		steps.add("mask "+name, unix.SYS_MOUNT, null, path, 0, unix.MS_BIND, 0).absent = true
		steps.add("mask "+name, unix.SYS_MOUNT, tmpfs, path, tmpfs, unix.MS_RDONLY, options).absent = true
	}
}

// run makes the process of a thread that has its namespaces and root.
func (l *launched) run(p *Process, steps *program, k kernel, file string, user User, flags uintptr, plain func() (*streams, error)) error {
	var s *streams
	var err error
	if p.Terminal {
		var slave int
		if l.terminal, slave, err = openTerminal(p.Size, user.UID); err != nil {
			return err
		}
		s = &streams{fds: [3]int{slave, slave, slave}, open: []int{slave}}
	} else if s, err = plain(); err != nil {
		return err
	}
	defer s.close()
	p.finish(steps, k, file, user, s.fds)
	l.user = user
	l.child, err = fork(flags, steps)
	return err
}

// exec starts another process in a container. The given descriptors are its streams, unless it has a terminal.
func (c *container) exec(p *Process, k kernel, fds [3]int) (*launched, error) {
	l := &launched{}
	err := onThread(func() error {
		steps := &program{}
		leave, err := steps.place(c.spec.Cgroup.Dirs, p.OOMScoreAdj)
		if err != nil {
			return err
		}
		defer leave()
		const all = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWPID
		if err := enter(c.first.pidfd, all, "container"); err != nil {
			return err
		}
		file, user, err := p.prepare()
		if err != nil {
			return err
		}
		plain := func() (*streams, error) { return &streams{fds: fds}, nil }
		return l.run(p, steps, k, file, user, 0, plain)
	})
	if err != nil {
		l.closeStreams()
		return nil, err
	}
	return l, nil
}
