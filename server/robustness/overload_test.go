package robustness

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
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

// busyMin is how long an overload lasts at least; it goes on until as many ranges were answered as there are readers.
const busyMin = 2 * time.Second

// memoryOfClients is what connections, watchers and the store's caches may take when all are busy.
const memoryOfClients = 1 << 30

// load is what an overload consists of.
type load struct {
	connections, watchers, deaf int
	bytes, readers              int // of the range that each reader asks for, again and again
}

// overload is the full load at 1, and less of it for a smaller scale. PETCD_OVERLOAD is the scale (0.01).
func overload(t *testing.T) load {
	t.Helper()
	scale := 0.01
	if text := os.Getenv("PETCD_OVERLOAD"); text != "" {
		var err error
		scale, err = strconv.ParseFloat(text, 64)
		require.NoError(t, err, "PETCD_OVERLOAD")
	}
	of := func(n int) int { return max(1, int(scale*float64(n))) }
	return load{connections: of(2000), watchers: of(10000), deaf: of(100), bytes: of(1 << 30), readers: max(4, of(100))}
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

// pace puts keys one after another and remembers how long each took.
type pace struct {
	kv   pb.KVClient
	took []time.Duration
	done int // puts that were acknowledged
}

// run goes on until ctx ends.
func (p *pace) run(ctx context.Context) {
	p.took = nil
	for wait(ctx, 10*time.Millisecond) {
		began := time.Now()
		asking, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		_, err := p.kv.Put(asking, &pb.PutRequest{Key: []byte(fmt.Sprintf("pace/%06d", p.done)), Value: []byte("v")})
		cancel()
		p.took = append(p.took, time.Since(began))
		if err == nil {
			p.done++
		}
	}
}

// TestOverload puts more on one member than it can do, and looks at what it does to its memory and to a client that asks for
// little. Nothing that was acknowledged may be lost, and the member lives.
func TestOverload(t *testing.T) {
	t.Parallel()
	l := overload(t)
	// Room for a few of the ranges at once.
	budget := 4 * l.bytes
	c := membersOn(t, 1, onProcess, fmt.Sprintf("--max-answer-bytes=%d", budget), "--quota-backend-bytes=-1")
	endpoint := c.endpoints[0]
	value := strings.Repeat("x", 256<<10)
	for i := range max(1, l.bytes/len(value)) {
		_, err := pb.NewKVClient(c.conns[0]).Put(t.Context(), &pb.PutRequest{Key: []byte(fmt.Sprintf("big/%06d", i)), Value: []byte(value)})
		require.NoError(t, err)
	}
	p := &pace{kv: pb.NewKVClient(connect(t, endpoint, false))}
	quiet, done := context.WithTimeout(t.Context(), time.Second)
	p.run(quiet)
	done()
	before := percentile(p.took, 0.99)
	idle, err := resident(c.procs.Member(0).PID())
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	var ranges, refused, watched atomic.Int64
	conns := make([]*grpc.ClientConn, l.connections)
	for i := range conns {
		conns[i] = connect(t, endpoint, false)
	}
	for i := range l.watchers {
		req := &pb.WatchCreateRequest{Key: []byte("pace/"), RangeEnd: []byte("pace0")}
		conn := conns[i%len(conns)]
		if i < l.deaf {
			req = &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 1}
			conn = connect(t, endpoint, true)
		}
		clients.Go(func() { watch(ctx, conn, req, &watched) })
	}
	for i := range l.readers {
		conn := connect(t, endpoint, i%4 == 0)
		clients.Go(func() {
			for ctx.Err() == nil {
				_, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: []byte("big/"), RangeEnd: []byte("big0"), Serializable: true})
				if err == nil {
					ranges.Add(1)
				} else if ctx.Err() == nil {
					refused.Add(1)
					wait(ctx, 100*time.Millisecond)
				}
			}
		})
	}
	busy, cancel := context.WithTimeout(t.Context(), time.Minute)
	var peak float64
	began := time.Now()
	clients.Go(func() {
		defer cancel()
		for wait(busy, 50*time.Millisecond) {
			if time.Since(began) > busyMin && ranges.Load() >= int64(l.readers) && watched.Load() > 0 {
				return
			}
			if now, err := resident(c.procs.Member(0).PID()); err == nil {
				peak = max(peak, now)
			}
		}
	})
	p.run(busy)
	stop()
	clients.Wait()
	after := percentile(p.took, 0.99)
	t.Logf("%+v: memory %.0f MiB idle, %.0f MiB at most; %d ranges, %d refused; %d events; a put's p99 %v before, %v under load (%d puts)",
		l, idle/(1<<20), peak/(1<<20), ranges.Load(), refused.Load(), watched.Load(), before, after, len(p.took))
	require.Positive(t, watched.Load())
	require.Positive(t, ranges.Load())
	// The collector lets the heap grow to twice what lives.
	require.Less(t, peak, idle+2*float64(budget)+memoryOfClients, "memory has a cap")
	resp, err := pb.NewKVClient(c.conns[0]).Range(t.Context(), &pb.RangeRequest{Key: []byte("pace/"), RangeEnd: []byte("pace0"), CountOnly: true})
	require.NoError(t, err)
	require.GreaterOrEqual(t, resp.Count, int64(p.done))
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
