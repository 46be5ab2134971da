package listener

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// start runs a splitter on a free port.
func start(t *testing.T, timeout time.Duration) (*Splitter, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := Split(l, Rules{})
	s.timeout = timeout
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); !errors.Is(err, net.ErrClosed) { // a test may have closed it
			require.NoError(t, err)
		}
		require.ErrorIs(t, <-ended, net.ErrClosed)
	})
	return s, l.Addr().String()
}

func TestSplitByFirstBytes(t *testing.T) {
	for name, tc := range map[string]struct {
		sent string
		grpc bool
	}{
		"http2 preface":          {preface + "settings", true},
		"get":                    {"GET / HTTP/1.1\r\n\r\n", false},
		"put shares the P":       {"PUT / HTTP/1.1\r\n\r\n", false},
		"differs late":           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", false},
		"tls hello":              {"\x16\x03\x01\x02\x00", false},
		"one byte that can't be": {"x", false},
	} {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, time.Minute)
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer conn.Close()
			// Byte by byte: the split must not depend on how reads fall.
			for i := range len(tc.sent) {
				_, err = conn.Write([]byte{tc.sent[i]})
				require.NoError(t, err)
			}
			l := s.HTTP()
			if tc.grpc {
				l = s.GRPC()
			}
			got, err := l.Accept()
			require.NoError(t, err)
			defer got.Close()
			all := make([]byte, len(tc.sent))
			_, err = io.ReadFull(got, all)
			require.NoError(t, err)
			require.Equal(t, tc.sent, string(all))
		})
	}
}

func TestSilentClientIsDropped(t *testing.T) {
	for name, sent := range map[string]string{"nothing": "", "half a preface": preface[:10]} {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, 10*time.Millisecond)
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write([]byte(sent))
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			_, err = conn.Read(make([]byte, 1))
			require.Error(t, err)
			require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "the splitter must close the connection")
		})
	}
}

func TestCloseDropsWhoIsNotHandedOn(t *testing.T) {
	s, addr := start(t, time.Minute)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.Eventually(t, func() bool { return s.pending.size() == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	require.NoError(t, s.Close())
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "the splitter must close the connection")
	require.Eventually(t, func() bool { return s.pending.size() == 0 }, 10*time.Second, time.Millisecond)
}

func TestSlowClientDoesNotBlockOthers(t *testing.T) {
	s, addr := start(t, time.Minute)
	slow, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer slow.Close()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })}
	go srv.Serve(s.HTTP())
	defer srv.Close()
	resp, err := http.Get("http://" + addr)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "here", string(body))
}

func TestListen(t *testing.T) {
	l, u, err := Listen(t.Context(), url.URL{Scheme: "http", Host: "127.0.0.1:0"}, Options{ReusePort: true, ReuseAddress: true})
	require.NoError(t, err)
	require.Equal(t, l.Addr().String(), u.Host)
	again, _, err := Listen(t.Context(), u, Options{ReusePort: true})
	require.NoError(t, err)
	require.NoError(t, again.Close())
	_, _, err = Listen(t.Context(), u, Options{})
	require.Error(t, err)
	require.NoError(t, l.Close())

	_, _, err = Listen(t.Context(), url.URL{Scheme: "ftp", Host: "127.0.0.1:0"}, Options{})
	require.Error(t, err)
}

func TestListenUnix(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sock")
	u := url.URL{Scheme: "unix", Path: path}
	stale, err := net.Listen("unix", path)
	require.NoError(t, err)
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, stale.Close())

	l, _, err := Listen(t.Context(), u, Options{})
	require.NoError(t, err, "a stale socket must not be in the way")
	require.NoError(t, l.Close())

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	_, _, err = Listen(t.Context(), url.URL{Scheme: "unix", Path: file}, Options{})
	require.True(t, err != nil && strings.Contains(err.Error(), "no socket"), err)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "precious", string(data))
}
