package runtime

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"github.com/petcd/petcd/orchestrator/runtime/network"
	"github.com/petcd/petcd/orchestrator/runtime/shim"
)

// maxOutput is how much of each stream ExecSync returns; the rest is read and dropped.
const maxOutput = 15 << 19

// linger is how long streams are read after their process has ended, should somebody else still hold them.
const linger = time.Second

// execProcess is another process of a container: as its first one, with another command line.
func (s *Server) execProcess(c *container, b *sandbox, cmd []string, tty bool) (shim.Process, error) {
	s.mu.Lock()
	config, u := c.config, c.record.User
	s.mu.Unlock()
	p, err := process(b.config, config, c.record.Image)
	if err != nil {
		return p, err
	}
	p.Args, p.Terminal = cmd, tty
	if tty {
		p.Env = setEnv(p.Env, "TERM=xterm")
	}
	if u != nil {
		p.Name, p.Strict, p.User = "", true, shim.User{UID: u.UID, GID: u.GID, HasGID: true, Groups: u.Groups}
	}
	return p, nil
}

// ExecSync runs a command in a container and returns what it wrote.
func (s *Server) ExecSync(ctx context.Context, r *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	if len(r.GetCmd()) == 0 {
		return nil, invalid("no command")
	}
	c, b, err := s.runningContainer(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	if r.GetTimeout() > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.Timeout)*time.Second)
		defer cancel()
	}
	p, err := s.execProcess(c, b, r.Cmd, false)
	if err != nil {
		return nil, fail(err)
	}
	var stdout, stderr limited
	code, err := run(ctx, b.client, &shim.Exec{Container: c.record.ID, Process: p}, nil, &stdout, &stderr, nil)
	if ctx.Err() != nil {
		return nil, status.Errorf(codes.DeadlineExceeded, "command %q timed out or was given up: %v", r.Cmd, ctx.Err())
	}
	if err != nil {
		return nil, status.Errorf(codes.Unknown, "failed to exec in container %q: %v", c.record.ID, err)
	}
	return &runtimeapi.ExecSyncResponse{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: code}, nil
}

// limited keeps the beginning of what is written to it.
type limited struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps what there is room for.
func (l *limited) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := maxOutput - l.b.Len(); room > 0 {
		l.b.Write(data[:min(room, len(data))])
	}
	return len(data), nil
}

// Bytes is what was kept.
func (l *limited) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

// run runs a process in a container, with any of the streams, until it has ended or ctx has, which kills it.
func run(ctx context.Context, client *shim.Client, e *shim.Exec, in io.Reader, out, errs io.Writer, resize <-chan remotecommand.TerminalSize) (int32, error) {
	var ends plumbing
	defer ends.close()
	var files []*os.File
	if !e.Process.Terminal {
		var err error
		if files, err = ends.pipes(in, out, errs); err != nil {
			return 0, err
		}
	}
	session, err := client.Exec(e, files...)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	stop := context.AfterFunc(ctx, session.Close)
	defer stop()
	ends.given()
	if t := session.Terminal; t != nil {
		ends.terminal(t, in, out)
		go resizes(resize, session.Resize)
	}
	code, err := session.Wait()
	ends.wait()
	return code, err
}

// resizes passes on sizes until there are no more.
func resizes(from <-chan remotecommand.TerminalSize, to func(width, height uint16) error) {
	for size := range from {
		_ = to(size.Width, size.Height) // a terminal that is gone needs no size
	}
}

// plumbing connects a client's streams with a process' files.
type plumbing struct {
	theirs  []*os.File // given to the process
	ours    []*os.File
	reading sync.WaitGroup
}

// pipes makes the process' files: stdin, stdout, stderr. A stream that nobody has is /dev/null.
func (p *plumbing) pipes(in io.Reader, out, errs io.Writer) ([]*os.File, error) {
	for i := range 3 {
		if (i == 0 && in == nil) || (i == 1 && out == nil) || (i == 2 && errs == nil) {
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				return nil, fmt.Errorf("runtime: %w", err)
			}
			p.theirs = append(p.theirs, null)
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("runtime: %w", err)
		}
		switch i {
		case 0:
			p.theirs, p.ours = append(p.theirs, r), append(p.ours, w)
			go func() {
				_, _ = io.Copy(w, in)
				_ = w.Close()
			}()
		case 1:
			p.read(r, w, out)
		case 2:
			p.read(r, w, errs)
		}
	}
	// What is passed on blocks, as programs expect it; asking for the number sees to that.
	for _, f := range p.theirs {
		f.Fd()
	}
	return p.theirs, nil
}

// read copies what comes out of a pipe.
func (p *plumbing) read(r, w *os.File, to io.Writer) {
	p.theirs, p.ours = append(p.theirs, w), append(p.ours, r)
	p.reading.Go(func() { _, _ = io.Copy(to, r) })
}

// terminal copies to and from a terminal.
func (p *plumbing) terminal(t *os.File, in io.Reader, out io.Writer) {
	p.ours = append(p.ours, t)
	if in != nil {
		go func() { _, _ = io.Copy(t, in) }()
	}
	if out != nil {
		p.reading.Go(func() { _, _ = io.Copy(out, t) })
	}
}

// given closes the process' files once it has them.
func (p *plumbing) given() {
	for _, f := range p.theirs {
		_ = f.Close()
	}
	p.theirs = nil
}

// wait waits until all was read that the process wrote.
func (p *plumbing) wait() {
	done := make(chan struct{})
	go func() {
		p.reading.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(linger):
	}
}

// close closes all files.
func (p *plumbing) close() {
	p.given()
	for _, f := range p.ours {
		_ = f.Close()
	}
}

// Exec gives the URL of a command's streams.
func (s *Server) Exec(_ context.Context, r *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	if _, _, err := s.runningContainer(r.GetContainerId()); err != nil {
		return nil, err
	}
	answer, err := s.streaming.GetExec(r)
	return answer, fail(err)
}

// Attach gives the URL of a container's streams.
func (s *Server) Attach(_ context.Context, r *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error) {
	if _, _, err := s.runningContainer(r.GetContainerId()); err != nil {
		return nil, err
	}
	answer, err := s.streaming.GetAttach(r)
	return answer, fail(err)
}

// PortForward gives the URL of a connection to a pod's ports.
func (s *Server) PortForward(_ context.Context, r *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error) {
	b, err := s.sandbox(r.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	ready := b.state() == runtimeapi.PodSandboxState_SANDBOX_READY
	s.mu.Unlock()
	if !ready {
		return nil, status.Errorf(codes.FailedPrecondition, "sandbox %q is not ready", r.GetPodSandboxId())
	}
	answer, err := s.streaming.GetPortForward(r)
	return answer, fail(err)
}

// streams is what is behind the URLs.
type streams struct{ s *Server }

// Exec runs a command with its streams.
func (t streams) Exec(ctx context.Context, id string, cmd []string, in io.Reader, out, errs io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	c, b, err := t.s.runningContainer(id)
	if err != nil {
		return err
	}
	p, err := t.s.execProcess(c, b, cmd, tty)
	if err != nil {
		return err
	}
	code, err := run(ctx, b.client, &shim.Exec{Container: id, Process: p}, in, writer(out), writer(errs), resize)
	if err != nil {
		return err
	}
	if code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", code), Code: int(code)}
	}
	return nil
}

// writer makes an interface that holds nothing nil.
func writer(w io.WriteCloser) io.Writer {
	if w == nil {
		return nil
	}
	return w
}

// Attach connects to a container's own streams until either side ends.
func (t streams) Attach(ctx context.Context, id string, in io.Reader, out, errs io.WriteCloser, _ bool, resize <-chan remotecommand.TerminalSize) error {
	c, b, err := t.s.runningContainer(id)
	if err != nil {
		return err
	}
	t.s.mu.Lock()
	tty := c.config.GetTty()
	t.s.mu.Unlock()
	if tty {
		errs = nil
	}
	var ends plumbing
	defer ends.close()
	files, err := ends.pipes(in, writer(out), writer(errs))
	if err != nil {
		return err
	}
	session, err := b.client.Attach(&shim.Attach{Container: id, Stdin: in != nil}, files...)
	if err != nil {
		return err
	}
	defer session.Close()
	stop := context.AfterFunc(ctx, session.Close)
	defer stop()
	ends.given()
	go resizes(resize, func(w, h uint16) error { return b.client.Resize(&shim.Resize{Container: id, Width: w, Height: h}) })
	if _, err := session.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	ends.wait()
	return nil
}

// PortForward connects a stream to a port on the pod's loopback.
func (t streams) PortForward(ctx context.Context, id string, port int32, stream io.ReadWriteCloser) error {
	b, err := t.s.sandbox(id)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	to, err := t.s.dialPod(ctx, b, port)
	if err != nil {
		return fmt.Errorf("port %d of sandbox %s: %w", port, id, err)
	}
	defer func() { _ = to.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = to.Close() })
	defer stop()
	go func() {
		_, _ = io.Copy(to, stream)
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}()
	_, err = io.Copy(stream, to)
	return err
}

// dialPod connects to a port on a pod's loopback, of either family.
func (s *Server) dialPod(ctx context.Context, b *sandbox, port int32) (net.Conn, error) {
	var c net.Conn
	dial := func() error {
		var err error
		for _, host := range []string{"127.0.0.1", "::1"} {
			// A dialer would race the two on other threads, which are not in the pod.
			if c, err = new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port)))); err == nil {
				return nil
			}
		}
		return err
	}
	if hostNetwork(b.config) {
		err := dial()
		return c, err
	}
	s.mu.Lock()
	if b.netns == nil {
		s.mu.Unlock()
		return nil, status.Error(codes.FailedPrecondition, "the pod has no network")
	}
	fd, err := dup(b.netns)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	defer func() { _ = fd.Close() }()
	err = network.Within(fd, dial)
	return c, err
}
