package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"syscall"
)

// Options are the socket options of --socket-reuse-port and
// --socket-reuse-address.
type Options struct {
	ReusePort    bool
	ReuseAddress bool
}

// Listen opens the socket that a listen URL names: "http://host:port" or
// "unix://path", with an s at the end of the scheme where TLS will be spoken.
// It returns the URL with the port that was chosen for port 0.
func Listen(ctx context.Context, u url.URL, o Options) (net.Listener, url.URL, error) {
	switch u.Scheme {
	case "http", "https":
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return setOptions(c, o) }}
		l, err := lc.Listen(ctx, "tcp", u.Host)
		if err != nil {
			return nil, u, err
		}
		if host, port, err := net.SplitHostPort(u.Host); err == nil && port == "0" {
			if addr, ok := l.Addr().(*net.TCPAddr); ok {
				u.Host = net.JoinHostPort(host, fmt.Sprint(addr.Port))
			}
		}
		return l, u, nil
	case "unix", "unixs":
		path := Address(u)
		if err := removeStale(path); err != nil {
			return nil, u, err
		}
		l, err := net.Listen("unix", path)
		return l, u, err
	}
	return nil, u, fmt.Errorf("listener: cannot listen on a URL with scheme %q: %s", u.Scheme, u.String())
}

// Address is where a URL's socket is: "host:port", or the path of a Unix
// socket.
func Address(u url.URL) string {
	if u.Scheme == "unix" || u.Scheme == "unixs" {
		return u.Host + u.Path
	}
	return u.Host
}

// IsSecure tells whether a URL asks for TLS.
func IsSecure(u url.URL) bool { return u.Scheme == "https" || u.Scheme == "unixs" }

// removeStale removes the socket that a killed member left behind. Anything
// but a socket stays.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("listener: %s exists and is no socket", path)
	}
	return os.Remove(path)
}
