package shim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is the shim's, in the pod's folder.
const socket = "shim.sock"

// shimName is what a shim calls itself.
const shimName = "cri-shim"

// patienceWithShim is how long an answer may take: to start a container is the most work, and takes milliseconds.
const patienceWithShim = time.Minute

// ErrGone says that a pod's shim does not run.
var ErrGone = errors.New("the pod's shim does not run")

// Client asks the shim of one pod. Its folder is all that has to be known of it.
type Client struct{ dir string }

// NewClient returns the client of the shim whose folder that is.
func NewClient(dir string) *Client { return &Client{dir} }

// Launch starts a shim for a folder. It is not the daemon's child in anything but name: it has its own session, and lives on.
func Launch(binary, dir string) (*Client, error) {
	c := NewClient(dir)
	l, err := c.listen()
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	program, err := readOnly(binary)
	if err != nil {
		return nil, err
	}
	defer func() { _ = program.Close() }()
	log, err := os.OpenFile(filepath.Join(dir, "shim.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", program.Fd()))
	cmd.Args = []string{shimName, dir} // the folder is for who looks at ps, and for kill
	cmd.Env = []string{"GOMAXPROCS=2", "GOTRACEBACK=all"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{l}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	go func() { _ = cmd.Wait() }() // how it ends is seen by its socket
	return c, nil
}

// readOnly opens a program by a mount of its own that can't be written to: what a container might get hold of of a shim is no way to
// change it.
func readOnly(binary string) (*os.File, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, binary, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("shim: %s: %w", binary, err)
	}
	f := os.NewFile(uintptr(tree), binary)
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY, Propagation: unix.MS_PRIVATE}); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("shim: %s: %w", binary, err)
	}
	return f, nil
}

// short calls f with a name of the shim's socket that is never too long for the kernel.
func (c *Client) short(f func(name string) error) error {
	dir, err := os.Open(c.dir)
	if err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	defer func() { _ = dir.Close() }()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socket))
}

// listen makes the socket.
func (c *Client) listen() (*os.File, error) {
	var file *os.File
	err := c.short(func(name string) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		if err != nil {
			return fmt.Errorf("shim: %w", err)
		}
		defer func() { _ = l.Close() }()
		l.SetUnlinkOnClose(false)
		if err := os.Chmod(name, 0o600); err != nil {
			return fmt.Errorf("shim: %w", err)
		}
		file, err = l.File()
		return err
	})
	return file, err
}

// dial connects to the shim.
func (c *Client) dial() (conn, error) {
	var k conn
	err := c.short(func(name string) error {
		u, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
		k = conn{u}
		return err
	})
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
		return k, ErrGone
	}
	return k, err
}

// call asks something and gives the answer, with the files that come with it. A shim that doesn't answer in time hangs, and with it
// all that could be asked of its pod: it is killed, and is gone like any other that was.
func (c *Client) call(r *Request, within time.Duration) (Reply, []int, error) {
	reply, files, err := c.ask(r, within)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Reply{}, nil, errors.Join(fmt.Errorf("%w: it did not answer within %s and was killed", ErrGone, within), c.kill())
	}
	return reply, files, err
}

func (c *Client) ask(r *Request, within time.Duration) (Reply, []int, error) {
	k, err := c.dial()
	if err != nil {
		return Reply{}, nil, err
	}
	defer func() { _ = k.Close() }()
	if err := k.SetDeadline(time.Now().Add(within)); err != nil {
		return Reply{}, nil, fmt.Errorf("shim: %w", err)
	}
	if err := k.send(r); err != nil {
		return Reply{}, nil, err
	}
	return k.reply()
}

// kill kills the shim. It is found by its folder, which is on its command line and no other's; a descriptor of it is opened before
// that is looked at, so that its id can't have become another's.
func (c *Client) kill() error {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	for _, f := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // gone meanwhile
		}
		if line, _ := os.ReadFile(f); string(line) == shimName+"\x00"+c.dir+"\x00" {
			err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		_ = unix.Close(fd)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("shim: kill %d: %w", pid, err)
		}
	}
	return nil
}

// reply waits for an answer.
func (c conn) reply() (Reply, []int, error) {
	var r Reply
	files, err := c.receive(&r)
	if err != nil {
		return r, nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	if r.Error != "" {
		closeAll(files)
		return r, nil, errors.New(r.Error)
	}
	return r, files, nil
}

// do asks something that is answered without files.
func (c *Client) do(r *Request) (Reply, error) {
	reply, files, err := c.call(r, patienceWithShim)
	closeAll(files)
	return reply, err
}

// Sandbox makes the pod. The file is its network namespace.
func (c *Client) Sandbox(spec *Sandbox) (Reply, *os.File, error) {
	r, files, err := c.call(&Request{Sandbox: spec}, patienceWithShim)
	if err != nil {
		return r, nil, err
	}
	if len(files) != 1 {
		closeAll(files)
		return r, nil, fmt.Errorf("%w: no network namespace came", errBroken)
	}
	return r, os.NewFile(uintptr(files[0]), "netns"), nil
}

// Start starts a container.
func (c *Client) Start(spec *Container) (Reply, error) { return c.do(&Request{Start: spec}) }

// Forward opens ports of the node.
func (c *Client) Forward(ports []Port) error {
	if len(ports) == 0 {
		return nil
	}
	_, err := c.do(&Request{Forward: ports})
	return err
}

// Signal sends a signal to a container.
func (c *Client) Signal(s *Signal) error {
	_, err := c.do(&Request{Signal: s})
	return err
}

// Resize changes the size of a container's terminal.
func (c *Client) Resize(r *Resize) error {
	_, err := c.do(&Request{Resize: r})
	return err
}

// Reopen opens a container's log anew.
func (c *Client) Reopen(container string) error {
	_, err := c.do(&Request{Reopen: container})
	return err
}

// State is how the pod and its containers are.
func (c *Client) State() (Reply, error) { return c.do(&Request{State: true}) }

// End kills the pod and ends the shim, and kills the shim if it doesn't do so in time. A shim that has ended is no error.
func (c *Client) End(within time.Duration) error {
	_, files, err := c.call(&Request{End: true}, within)
	closeAll(files)
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// Watch calls f for each end of a container, those before the call included, and whenever the pod's pause process has ended; it
// returns when the shim has ended or ctx has.
func (c *Client) Watch(ctx context.Context, f func(Reply)) error {
	k, err := c.dial()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = k.Close() })
	defer func() {
		stop()
		_ = k.Close()
	}()
	if err := k.send(&Request{Watch: true}); err != nil {
		return err
	}
	for {
		r, files, err := k.reply()
		closeAll(files)
		if err != nil {
			return err
		}
		f(r)
	}
}

// Session is a process that runs by Exec, or a container that somebody is attached to.
type Session struct {
	conn     conn
	Terminal *os.File // of an Exec that has one
}

// Exec runs a process in a container. Its streams are the three files, which stay the caller's, or the session's terminal.
func (c *Client) Exec(e *Exec, files ...*os.File) (*Session, error) {
	return c.session(&Request{Exec: e}, files)
}

// Attach connects three files with a container's streams.
func (c *Client) Attach(a *Attach, files ...*os.File) (*Session, error) {
	return c.session(&Request{Attach: a}, files)
}

// session begins what lasts.
func (c *Client) session(r *Request, files []*os.File) (*Session, error) {
	k, err := c.dial()
	if err != nil {
		return nil, err
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	s := &Session{conn: k}
	var came []int
	if err = k.send(r, fds...); err == nil {
		_, came, err = k.reply()
	}
	if err != nil {
		_ = k.Close()
		return nil, err
	}
	if len(came) > 0 {
		_ = unix.SetNonblock(came[0], true)
		s.Terminal = os.NewFile(uintptr(came[0]), "terminal")
		closeAll(came[1:])
	}
	return s, nil
}

// Wait waits for the end and returns the exit code.
func (s *Session) Wait() (int32, error) {
	r, files, err := s.conn.reply()
	closeAll(files)
	if err != nil {
		return 0, err
	}
	if r.Exit == nil {
		return 0, errors.New("shim: the session ended, its process did not")
	}
	return r.Exit.Code, nil
}

// Close ends the session; a process that runs by Exec is killed.
func (s *Session) Close() {
	_ = s.conn.Close()
	if s.Terminal != nil {
		_ = s.Terminal.Close()
	}
}

// Resize changes the size of the session's terminal.
func (s *Session) Resize(width, height uint16) error {
	if s.Terminal == nil {
		return errors.New("there is no terminal")
	}
	raw, err := s.Terminal.SyscallConn()
	if err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = setSize(int(fd), width, height) }); err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	return failed
}
