package up

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netns"
)

// newPair is two namespaces on a switch, with names of this process' own.
func newPair(t *testing.T) (a, b namespace) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for network namespaces")
	}
	prefix := "uptest-" + time.Now().Format("150405.000")
	sw, a, b := namespace(prefix+"-s"), namespace(prefix+"-a"), namespace(prefix+"-b")
	for _, n := range []namespace{sw, a, b} {
		t.Cleanup(func() {
			require.NoError(t, n.remove())
			require.False(t, n.exists())
		})
		require.NoError(t, n.create())
		require.True(t, n.exists())
	}
	require.NoError(t, makeSwitch(sw))
	require.NoError(t, wire(sw, a, 0))
	require.NoError(t, wire(sw, b, 1))
	return a, b
}

// What listens in one namespace is reached from another, and by a forwarder from this machine.
func TestForward(t *testing.T) {
	a, b := newPair(t)
	before, err := netns.Get()
	require.NoError(t, err)
	defer func() { require.NoError(t, before.Close()) }()
	var server net.Listener
	require.NoError(t, b.do(func() (err error) {
		server, err = net.Listen("tcp", addressOf(1)+":7000")
		return err
	}))
	defer server.Close()
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				all, _ := io.ReadAll(conn) // until the client has said all
				_, _ = conn.Write(append([]byte("heard "), all...))
			}()
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- forward(ctx, l, a, addressOf(1)+":7000") }()
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	_, err = conn.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "heard hello", string(answer))
	require.NoError(t, conn.Close())

	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := make(chan error, 1)
	go func() { refused <- forward(ctx, nobody, a, addressOf(1)+":7001") }()
	conn, err = net.Dial("tcp", nobody.Addr().String())
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "closed")
	require.NoError(t, conn.Close())
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, <-refused)

	now, err := netns.Get()
	require.NoError(t, err)
	defer func() { require.NoError(t, now.Close()) }()
	require.True(t, before.Equal(now), "this thread stays where it was")
}

func TestLines(t *testing.T) {
	var got []string
	l := &lines{to: func(line string) { got = append(got, line) }}
	for _, part := range []string{"a", "b\nc\n", "", "d"} {
		n, err := l.Write([]byte(part))
		require.NoError(t, err)
		require.Len(t, part, n)
	}
	require.Equal(t, []string{"ab", "c"}, got)
}

func TestDownOfNothing(t *testing.T) {
	c := &Cluster{Name: "nothing-of-that-name", Root: t.TempDir(), Bin: "/nowhere", Out: io.Discard}
	require.NoError(t, c.Down(t.Context()))
}
