package robustness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// crowdEnv has the endpoint that TestOverloadClients loads.
const crowdEnv = "PETCD_OVERLOAD_ENDPOINT"

// crowd is the clients of an overload: another process, of the lowest priority. On machines of their own, as clients are, they would
// take no processor from the member, nor from the client whose puts are timed.
type crowd struct {
	newest atomic.Pointer[crowdGot]
	ended  chan struct{}
	other  []string // lines that are no figures; to be read after the end
	err    error    // why it ended, likewise
}

// crowdGot is what they have got so far.
type crowdGot struct {
	Ranges, Refused, Events int
}

// startCrowd begins an overload. It ends with ctx.
func startCrowd(ctx context.Context, t *testing.T, endpoint string) *crowd {
	t.Helper()
	c := &crowd{ended: make(chan struct{})}
	c.newest.Store(&crowdGot{})
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", self, "-test.run=^TestOverloadClients$")
	cmd.Env = append(os.Environ(), crowdEnv+"="+endpoint, "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var got crowdGot
			if json.Unmarshal(lines.Bytes(), &got) == nil {
				c.newest.Store(&got)
			} else {
				c.other = append(c.other, lines.Text())
			}
		}
		c.err = cmd.Wait()
	}()
	return c
}

// got is what the clients have got so far.
func (c *crowd) got() crowdGot { return *c.newest.Load() }

// end waits for their end, and tells what they got.
func (c *crowd) end() crowdGot {
	<-c.ended
	return c.got()
}

// TestOverloadClients is the process of a crowd. It prints what it has got, a line of JSON every so often, until it is killed.
func TestOverloadClients(t *testing.T) {
	endpoint := os.Getenv(crowdEnv)
	if endpoint == "" {
		t.Skip("TestOverload runs it")
	}
	l, ctx := overload(t), t.Context()
	var ranges, refused, events atomic.Int64
	conns := make([]*grpc.ClientConn, l.connections)
	for i := range conns {
		conns[i] = connect(t, endpoint, false)
	}
	for i := range l.watchers {
		folder := i % paceFolders
		req := &pb.WatchCreateRequest{Key: fmt.Appendf(nil, "pace/%02d/", folder), RangeEnd: fmt.Appendf(nil, "pace/%02d0", folder)}
		conn := conns[i%len(conns)]
		if i < l.deaf {
			req = &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 1}
			conn = connect(t, endpoint, true)
		}
		go watch(ctx, conn, req, &events)
	}
	for i := range l.readers {
		conn := connect(t, endpoint, i%4 == 0)
		go func() {
			for ctx.Err() == nil {
				_, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: []byte("big/"), RangeEnd: []byte("big0"), Serializable: true})
				if err == nil {
					ranges.Add(1)
				} else if ctx.Err() == nil {
					refused.Add(1)
					wait(ctx, 100*time.Millisecond)
				}
			}
		}()
	}
	for wait(ctx, 50*time.Millisecond) {
		line, err := json.Marshal(crowdGot{int(ranges.Load()), int(refused.Load()), int(events.Load())})
		require.NoError(t, err)
		_, err = fmt.Printf("%s\n", line)
		require.NoError(t, err) // who started it is gone
	}
}

// deafConn is a connection of a client that reads no more after a while.
type deafConn struct {
	net.Conn
	left   int
	closed chan struct{}
	once   sync.Once
}

// Read implements net.Conn.
func (c *deafConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		<-c.closed
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// Close implements net.Conn.
func (c *deafConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// connect opens one more connection to a member; a deaf one reads 64 KiB.
func connect(t *testing.T, endpoint string, deaf bool) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(endpoint, "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(), grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(2<<30-1)),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err != nil || !deaf {
				return conn, err
			}
			return &deafConn{Conn: conn, left: 64 << 10, closed: make(chan struct{})}, nil
		}))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// watch counts the events of a watch until ctx ends.
func watch(ctx context.Context, conn *grpc.ClientConn, req *pb.WatchCreateRequest, events *atomic.Int64) {
	stream, err := pb.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		return
	}
	if stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: req}}) != nil {
		return
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			return
		}
		events.Add(int64(len(resp.Events)))
	}
}
