package clustertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/utils/exec"
)

// container is a simulated one: a name, and what that can do.
type container struct{ namespace, pod, name string }

var (
	_ remotecommand.Executor    = (*container)(nil)
	_ remotecommand.Attacher    = (*container)(nil)
	_ portforward.PortForwarder = (*container)(nil)
)

// String is the container's whole name, which all its answers begin with.
func (c *container) String() string { return c.namespace + "/" + c.pod + "/" + c.name }

// stdio are the streams of a command; those that the client didn't ask for read and write nothing.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	tty      bool
}

func newStdio(in io.Reader, out, err io.Writer, tty bool) *stdio {
	s := &stdio{in, out, err, tty}
	if s.in == nil {
		s.in = strings.NewReader("")
	}
	if s.out == nil {
		s.out = io.Discard
	}
	if s.err == nil {
		s.err = io.Discard
	}
	return s
}

// ExecInContainer implements remotecommand.Executor.
func (c *container) ExecInContainer(_ context.Context, _, _, _ string, args []string, in io.Reader, out, stderr io.WriteCloser,
	tty bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	if len(args) == 0 {
		return errors.New("no command")
	}
	return c.run(args[0], args[1:], newStdio(in, writer(out), writer(stderr), tty))
}

// writer is nil for a stream that is nil, as an interface too.
func writer(w io.WriteCloser) io.Writer {
	if w == nil {
		return nil
	}
	return w
}

// run does what one of the few commands does that simulated containers have.
func (c *container) run(name string, args []string, s *stdio) (err error) {
	switch text := strings.Join(args, " "); name {
	case "echo":
		_, err = fmt.Fprintln(s.out, text)
	case "stderr": // echo, to the other stream
		_, err = fmt.Fprintln(s.err, text)
	case "cat":
		if len(args) > 0 {
			fmt.Fprintf(s.err, "cat: %s: No such file or directory\n", args[0])
			return exited(1)
		}
		_, err = io.Copy(s.out, s.in)
	case "ls":
		_, err = fmt.Fprintln(s.out, "bin\netc\nproc")
	case "whoami":
		_, err = fmt.Fprintln(s.out, c)
	case "tty":
		if !s.tty {
			fmt.Fprintln(s.out, "not a tty")
			return exited(1)
		}
		_, err = fmt.Fprintln(s.out, "/dev/pts/0")
	case "sh":
		var code int
		if _, err := fmt.Sscanf(text, "-c exit %d", &code); err != nil {
			return fmt.Errorf("a simulated shell only knows -c 'exit <number>': %w", err)
		}
		return exited(code)
	default:
		return fmt.Errorf("exec: %q: executable file not found in $PATH", name)
	}
	return err
}

// exited is how a command ended; nil if well.
func exited(code int) error {
	if code == 0 {
		return nil
	}
	return exec.CodeExitError{Code: code, Err: fmt.Errorf("exit status %d", code)}
}

// AttachContainer implements remotecommand.Attacher: the container says its name, and then again what it is told.
func (c *container) AttachContainer(_ context.Context, _, _, _ string, in io.Reader, out, stderr io.WriteCloser,
	tty bool, _ <-chan remotecommand.TerminalSize,
) error {
	s := newStdio(in, writer(out), writer(stderr), tty)
	if _, err := fmt.Fprintf(s.out, "%s: attached\n", c); err != nil {
		return err
	}
	_, err := io.Copy(s.out, s.in)
	return err
}

// closedPort is where simulated pods don't listen.
const closedPort = 1

// PortForward implements portforward.PortForwarder: on each port but one there is an HTTP server that says what it was asked.
func (c *container) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	if port == closedPort {
		return fmt.Errorf("dial tcp 127.0.0.1:%d: %w", port, syscall.ECONNREFUSED)
	}
	request, err := http.ReadRequest(bufio.NewReader(stream))
	if errors.Is(err, io.EOF) {
		return nil // the client connected, and had nothing to say
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s/%s port %d: %s %s\n", c.namespace, c.pod, port, request.Method, request.URL.Path)
	answer := &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: request, Close: true,
		Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)),
	}
	return answer.Write(stream)
}
