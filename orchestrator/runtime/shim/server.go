package shim

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lonely is how long a shim waits for its pod: a daemon that died in between never sends it.
const lonely = 10 * time.Second

// server is the shim.
type server struct {
	kernel kernel
	served chan struct{} // closed when there is a pod

	mu         sync.Mutex
	pod        *pod
	containers map[string]*container
	starting   map[string]bool
	watchers   map[conn]struct{}
	ending     bool
}

// Serve is the shim's life: it answers on the listener until it is told to end, or until nobody wants a pod of it.
func Serve(l *net.UnixListener) error {
	// Nobody in a container may look into this process or its children before they execute another program.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	unix.Umask(0o022)
	k, err := lookAround()
	if err != nil {
		return err
	}
	s := &server{kernel: k, served: make(chan struct{}), containers: map[string]*container{}, starting: map[string]bool{}, watchers: map[conn]struct{}{}}
	go func() {
		select {
		case <-s.served:
		case <-time.After(lonely):
			_ = l.Close()
		}
	}()
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("shim: %w", err)
		}
		go func() {
			defer func() { _ = c.Close() }()
			if end := s.serve(conn{c}); end {
				_ = l.Close()
			}
		}()
	}
}

// serve answers what comes on a connection and says whether the shim's life is over.
func (s *server) serve(c conn) bool {
	for {
		var r Request
		files, err := c.receive(&r)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = c.send(Reply{Error: err.Error()})
			}
			return false
		}
		switch {
		case r.End:
			s.end()
			_ = c.send(Reply{})
			return true
		case r.Exec != nil:
			s.exec(c, r.Exec, files)
			return false
		case r.Attach != nil:
			s.attach(c, r.Attach, files)
			return false
		case r.Watch:
			s.watch(c)
			return false
		case r.Sandbox != nil:
			s.sandbox(c, r.Sandbox)
		default:
			if err := c.send(s.answer(&r)); err != nil {
				return false
			}
		}
		closeAll(files)
	}
}

// answer does what is done at once.
func (s *server) answer(r *Request) Reply {
	var reply Reply
	var err error
	switch {
	case r.State:
		s.settle()
		return s.state()
	case r.Forward != nil:
		err = forward(r.Forward)
	case r.Start != nil:
		reply, err = s.start(r.Start)
	case r.Signal != nil:
		var c *container
		if c, err = s.container(r.Signal.Container); err == nil {
			err = c.signal(r.Signal)
		}
	case r.Resize != nil:
		var c *container
		if c, err = s.container(r.Resize.Container); err == nil {
			err = c.resize(r.Resize)
		}
	case r.Reopen != "":
		var c *container
		if c, err = s.container(r.Reopen); err == nil {
			err = c.log.reopen()
		}
	default:
		err = errors.New("shim: an unknown request")
	}
	if err != nil {
		reply.Error = err.Error()
	}
	return reply
}

// resize changes the size of the container's terminal.
func (c *container) resize(r *Resize) error {
	if c.first.terminal == nil {
		return errors.New("the container has no terminal")
	}
	raw, err := c.first.terminal.SyscallConn()
	if err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = setSize(int(fd), r.Width, r.Height) }); err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	return failed
}

// container is one that was started.
func (s *server) container(id string) (*container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("shim: no container %q", id)
}

// sandbox makes the pod, and sends its network namespace.
func (s *server) sandbox(c conn, spec *Sandbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pod != nil || s.ending {
		_ = c.send(Reply{Error: "shim: there is a pod already"})
		return
	}
	p, err := newPod(*spec)
	if err != nil {
		_ = c.send(Reply{Error: err.Error()})
		return
	}
	s.pod = p
	close(s.served)
	go func() {
		p.pause.wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		p.pause.pid = 0
		for w := range s.watchers {
			_ = w.send(Reply{}) // not alive
		}
	}()
	_ = c.send(Reply{Pid: p.pause.pid, Alive: true}, p.ns.net)
}

// settle waits until no container is being started: a daemon may have died that asked for it.
func (s *server) settle() {
	for {
		s.mu.Lock()
		n := len(s.starting)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// start starts a container. One that was started already, for a daemon that didn't live to hear it, is not started again.
func (s *server) start(spec *Container) (Reply, error) {
	s.settle()
	s.mu.Lock()
	if c := s.containers[spec.ID]; c != nil {
		s.mu.Unlock()
		return c.reply(), nil
	}
	if s.pod == nil || s.ending || s.pod.pause.pid == 0 {
		s.mu.Unlock()
		return Reply{}, errors.New("shim: the pod does not run")
	}
	if s.starting[spec.ID] {
		s.mu.Unlock()
		return Reply{}, fmt.Errorf("shim: container %q is being started", spec.ID)
	}
	target := -1
	if spec.PID == TargetPID {
		t := s.containers[spec.PIDTarget]
		if t == nil || t.state().Exit != nil {
			s.mu.Unlock()
			return Reply{}, fmt.Errorf("shim: container %q does not run", spec.PIDTarget)
		}
		target = t.pidNS
	}
	s.starting[spec.ID] = true
	p := s.pod
	s.mu.Unlock()

	c, err := newContainer(p, spec, s.kernel, target)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.starting, spec.ID)
	if err != nil {
		return Reply{}, err
	}
	s.containers[spec.ID] = c
	if s.ending {
		_ = c.signal(&Signal{Number: int(unix.SIGKILL), All: true})
	}
	go s.report(c)
	return c.reply(), nil
}

// reply says that the container was started.
func (c *container) reply() Reply {
	return Reply{Pid: c.first.pid, Started: c.started, User: &c.first.user}
}

// report tells those who watch that a container has ended.
func (s *server) report(c *container) {
	<-c.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		_ = w.send(Reply{Alive: s.pod.pause.pid != 0, Container: c.spec.ID, Exit: c.exit})
	}
}

// state is how all is.
func (s *server) state() Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Reply{Containers: map[string]State{}}
	if s.pod != nil {
		r.Pid, r.Alive = s.pod.pause.pid, s.pod.pause.pid != 0
	}
	for id, c := range s.containers {
		r.Containers[id] = c.state()
	}
	return r
}

// watch keeps a connection on which the ends of containers are told. It starts with all that have ended already.
func (s *server) watch(c conn) {
	s.mu.Lock()
	s.watchers[c] = struct{}{}
	alive := s.pod != nil && s.pod.pause.pid != 0
	err := c.send(Reply{Alive: alive})
	for id, k := range s.containers {
		if exit := k.state().Exit; exit != nil && err == nil {
			err = c.send(Reply{Alive: alive, Container: id, Exit: exit})
		}
	}
	s.mu.Unlock()
	<-gone(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, c)
}

// gone is closed when the other side has closed a connection.
func gone(c conn) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var nothing [1]byte
		_, _ = c.Read(nothing[:])
	}()
	return done
}

// exec runs another process in a container until it, or the connection, ends.
func (s *server) exec(c conn, r *Exec, files []int) {
	defer func() { closeAll(files) }()
	target, err := s.container(r.Container)
	if err == nil && target.state().Exit != nil {
		err = fmt.Errorf("container %q does not run", r.Container)
	}
	if err == nil && !r.Process.Terminal && len(files) != 3 {
		err = errors.New("shim: exec takes three files")
	}
	var l *launched
	if err == nil {
		var fds [3]int
		copy(fds[:], files)
		l, err = target.exec(&r.Process, s.kernel, fds)
	}
	if err != nil {
		_ = c.send(Reply{Error: err.Error()})
		return
	}
	closeAll(files)
	files = nil
	var terminal []int
	if l.terminal != nil {
		terminal = append(terminal, int(l.terminal.Fd()))
	}
	defer l.close()
	err = c.send(Reply{Pid: l.pid}, terminal...)
	l.closeStreams()
	ended := make(chan int32, 1)
	go func() { ended <- l.wait() }()
	leave := gone(c)
	if err != nil {
		_ = unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
	}
	select {
	case code := <-ended:
		_ = c.send(Reply{Exit: &Exit{Code: code, Finished: time.Now()}})
	case <-leave:
		_ = unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
		<-ended
	}
}

// attach connects somebody's streams with a container's.
func (s *server) attach(c conn, r *Attach, files []int) {
	target, err := s.container(r.Container)
	if err == nil && len(files) != 3 {
		err = errors.New("shim: attach takes three files")
	}
	if err != nil {
		closeAll(files)
		_ = c.send(Reply{Error: err.Error()})
		return
	}
	if err := c.send(Reply{}); err != nil {
		closeAll(files)
		return
	}
	target.attach(files, r.Stdin, gone(c))
	_ = c.send(Reply{Exit: target.state().Exit})
}

// end kills all that there is and waits for it.
func (s *server) end() {
	s.mu.Lock()
	s.ending = true
	all := make([]*container, 0, len(s.containers))
	for _, c := range s.containers {
		all = append(all, c)
	}
	p := s.pod
	s.mu.Unlock()
	for _, c := range all {
		_ = c.signal(&Signal{Number: int(unix.SIGKILL), All: true})
	}
	for _, c := range all {
		<-c.ended
	}
	if p == nil {
		return
	}
	_ = unix.PidfdSendSignal(p.pause.pidfd, unix.SIGKILL, nil, 0)
	for {
		s.mu.Lock()
		dead := p.pause.pid == 0
		s.mu.Unlock()
		if dead {
			break
		}
		time.Sleep(time.Millisecond)
	}
	removeCgroups(p.spec.Cgroups)
}

// Listener is the socket that the daemon gave to its shim as file 3.
func Listener() (*net.UnixListener, error) {
	f := os.NewFile(3, "listener")
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("shim: file 3: %w", err)
	}
	_ = f.Close()
	u, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.New("shim: file 3 is no unix socket")
	}
	u.SetUnlinkOnClose(false) // the daemon made it, and removes its folder
	return u, nil
}
