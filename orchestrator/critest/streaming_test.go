package critest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Streams of commands and ports, by the client that kubectl has.
var streamingCases = []testCase{
	{"Exec", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		stdout, stderr, err := stream(t, c.execURL(t, "echo out; echo err >&2", false, false), remotecommand.StreamOptions{})
		require.NoError(t, err)
		require.Equal(t, "out\n", stdout)
		require.Equal(t, "err\n", stderr)
	}},
	{"ExecTellsTheExitCode", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		_, _, err := stream(t, c.execURL(t, "exit 9", false, false), remotecommand.StreamOptions{})
		var code exec.CodeExitError
		require.ErrorAs(t, err, &code)
		require.Equal(t, 9, code.Code)
	}},
	{"ExecReadsInput", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		stdout, _, err := stream(t, c.execURL(t, "cat; echo end", true, false), remotecommand.StreamOptions{Stdin: strings.NewReader("a\nb\n")})
		require.NoError(t, err)
		require.Equal(t, "a\nb\nend\n", stdout, "the end of the input is an end there, too")
	}},
	{"ExecCarriesMuch", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		input := strings.Repeat("0123456789abcdef", 1<<16)
		stdout, _, err := stream(t, c.execURL(t, "cat", true, false), remotecommand.StreamOptions{Stdin: strings.NewReader(input)})
		require.NoError(t, err)
		require.Equal(t, input, stdout)
	}},
	{"ExecOnATerminal", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		size := sizes(remotecommand.TerminalSize{Width: 123, Height: 45})
		stdout, _, err := stream(t, c.execURL(t, "tty; while [ \"$(stty size)\" != '45 123' ]; do sleep 0.05; done; stty size", true, true),
			remotecommand.StreamOptions{Tty: true, Stdin: open(t), TerminalSizeQueue: size})
		require.NoError(t, err)
		require.Contains(t, stdout, "/dev/pts/")
		require.Contains(t, stdout, "45 123\r\n")
	}},
	{"ExecNoSuchCommand", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		r, err := s.rs.Exec(s.ctx(t), &runtimeapi.ExecRequest{ContainerId: c.id, Cmd: []string{"/no/such/command"}, Stdout: true, Stderr: true})
		require.NoError(t, err)
		_, _, err = stream(t, r.Url, remotecommand.StreamOptions{})
		require.Error(t, err)
	}},
	{"ExecOfAnUnknownContainer", func(t *testing.T, s *suite) {
		_, err := s.rs.Exec(s.ctx(t), &runtimeapi.ExecRequest{ContainerId: "unknown", Cmd: []string{"true"}, Stdout: true})
		require.Error(t, err)
	}},
	{"AURLServesOnce", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		url := c.execURL(t, "true", false, false)
		_, _, err := stream(t, url, remotecommand.StreamOptions{})
		require.NoError(t, err)
		_, _, err = stream(t, url, remotecommand.StreamOptions{})
		require.Error(t, err)
	}},
	{"AttachShowsOutput", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "while [ ! -e /tmp/end ]; do echo tick; echo tock >&2; sleep 0.05; done; exit 4")
		r, err := s.rs.Attach(s.ctx(t), &runtimeapi.AttachRequest{ContainerId: c.id, Stdout: true, Stderr: true})
		require.NoError(t, err)
		var stdout, stderr buffer
		ended := make(chan error, 1)
		go func() { ended <- streamTo(t, r.Url, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr}) }()
		until(t, "output is seen", func() bool {
			return strings.Contains(stdout.String(), "tick\n") && strings.Contains(stderr.String(), "tock\n")
		})
		c.read(t, "touch /tmp/end")
		select {
		case <-ended: // the container's exit code is its status', not the stream's
		case <-time.After(patience):
			require.Fail(t, "the stream outlives the container")
		}
		require.Equal(t, int32(4), c.exited(t).ExitCode)
	}},
	{"AttachGivesInput", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "read line; echo got $line; cat; echo end", func(c *runtimeapi.ContainerConfig) { c.Stdin, c.StdinOnce = true, true })
		r, err := s.rs.Attach(s.ctx(t), &runtimeapi.AttachRequest{ContainerId: c.id, Stdin: true, Stdout: true, Stderr: true})
		require.NoError(t, err)
		stdout, _, err := stream(t, r.Url, remotecommand.StreamOptions{Stdin: strings.NewReader("hello\nmore\n")})
		require.NoError(t, err)
		require.Contains(t, stdout, "got hello\nmore\nend\n")
		require.Zero(t, c.exited(t).ExitCode)
		require.Equal(t, "got hello\nmore\nend\n", text(c.lines(t), "stdout"), "it is in the log as well")
	}},
	{"AttachToATerminal", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "while [ \"$(stty size)\" != '33 99' ]; do sleep 0.05; done; echo fits; exec sleep 0.2", func(c *runtimeapi.ContainerConfig) {
			c.Tty, c.Stdin = true, true
		})
		r, err := s.rs.Attach(s.ctx(t), &runtimeapi.AttachRequest{ContainerId: c.id, Stdin: true, Stdout: true, Tty: true})
		require.NoError(t, err)
		size := sizes(remotecommand.TerminalSize{Width: 99, Height: 33})
		stdout, _, err := stream(t, r.Url, remotecommand.StreamOptions{Tty: true, Stdin: open(t), TerminalSizeQueue: size})
		require.NoError(t, err)
		require.Contains(t, stdout, "fits\r\n")
	}},
	{"PortForward", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.web(t, 8080)
		port := p.forward(t, 8080)
		for range 3 {
			require.Contains(t, get(t, fmt.Sprintf("http://127.0.0.1:%d/", port)), "hostname: "+p.config.Hostname)
		}
	}},
	{"PortForwardToLoopback", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "mkdir /www; echo only here > /www/index.html; exec httpd -f -p 127.0.0.1:8081 -h /www")
		until(t, "it is served", func() bool {
			_, _, code := c.exec(t, "wget -q -O - http://127.0.0.1:8081/")
			return code == 0
		})
		require.Equal(t, "only here\n", get(t, fmt.Sprintf("http://127.0.0.1:%d/", p.forward(t, 8081))))
	}},
	{"PortForwardToTheNodesNetwork", func(t *testing.T, s *suite) {
		p := s.pod(t, hostNetwork)
		p.web(t, 18082)
		require.Equal(t, "ok\n", get(t, fmt.Sprintf("http://127.0.0.1:%d/healthz", p.forward(t, 18082))))
	}},
	{"PortForwardToNobody", func(t *testing.T, s *suite) {
		port := s.pod(t).forward(t, 9)
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), patience)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err)
		var timeout net.Error
		require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "it is ended, not left open")
	}},
}

// execURL asks for a place where a script's streams are.
func (c *container) execURL(t testing.TB, script string, stdin, tty bool) string {
	t.Helper()
	r, err := c.rs.Exec(c.ctx(t), &runtimeapi.ExecRequest{
		ContainerId: c.id, Cmd: []string{"sh", "-c", script}, Stdin: stdin, Stdout: true, Stderr: !tty, Tty: tty,
	})
	require.NoError(t, err)
	require.NotEmpty(t, r.Url)
	return r.Url
}

// stream connects to a place and returns what came from there until it ended.
func stream(t testing.TB, url string, o remotecommand.StreamOptions) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs buffer
	o.Stdout = &out
	if !o.Tty {
		o.Stderr = &errs
	}
	err = streamTo(t, url, o)
	return out.String(), errs.String(), err
}

func streamTo(t testing.TB, place string, o remotecommand.StreamOptions) error {
	u, err := url.Parse(place)
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{Host: u.Scheme + "://" + u.Host}, http.MethodPost, u)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return executor.StreamWithContext(ctx, o)
}

// forward forwards a port of this machine to the pod's, until the case ends.
func (p *pod) forward(t testing.TB, port int) uint16 {
	t.Helper()
	r, err := p.rs.PortForward(p.ctx(t), &runtimeapi.PortForwardRequest{PodSandboxId: p.id, Port: []int32{int32(port)}})
	require.NoError(t, err)
	u, err := url.Parse(r.Url)
	require.NoError(t, err)
	transport, upgrader, err := spdy.RoundTripperFor(&rest.Config{Host: u.Scheme + "://" + u.Host})
	require.NoError(t, err)
	stop, ready := make(chan struct{}), make(chan struct{})
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, u)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, stop, ready, io.Discard, io.Discard)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	t.Cleanup(func() {
		close(stop)
		<-ended
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		require.NoError(t, err)
	}
	ports, err := forwarder.GetPorts()
	require.NoError(t, err)
	return ports[0].Local
}

// buffer is one that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// sizeQueue tells a terminal's sizes and then waits.
type sizeQueue chan remotecommand.TerminalSize

func sizes(all ...remotecommand.TerminalSize) sizeQueue {
	q := make(sizeQueue, len(all))
	for _, s := range all {
		q <- s
	}
	close(q)
	return q
}

func (q sizeQueue) Next() *remotecommand.TerminalSize {
	size, more := <-q
	if !more {
		return nil
	}
	return &size
}

// open is an input that gives nothing and doesn't end while the case runs.
func open(t testing.TB) io.Reader {
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	return r
}

// streamInput is the options of a stream that is sent a text.
func streamInput(text string) remotecommand.StreamOptions {
	return remotecommand.StreamOptions{Stdin: strings.NewReader(text)}
}
