package robustness

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// quietMin is how long puts are timed before an overload. busyMin is how long that lasts at least; it goes on until as many ranges
// were answered as there are readers.
const (
	quietMin = 2 * time.Second
	busyMin  = 4 * time.Second
)

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

// paceFolders is how many folders its keys go to, in turns. Each is watched by as many of the watchers.
const paceFolders = 100

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
		_, err := p.kv.Put(asking, &pb.PutRequest{Key: fmt.Appendf(nil, "pace/%02d/%06d", p.done%paceFolders, p.done), Value: []byte("v")})
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
		_, err := pb.NewKVClient(c.conns[0]).Put(t.Context(), &pb.PutRequest{Key: fmt.Appendf(nil, "big/%06d", i), Value: []byte(value)})
		require.NoError(t, err)
	}
	p := &pace{kv: pb.NewKVClient(connect(t, endpoint, false))}
	quiet, done := context.WithTimeout(t.Context(), quietMin)
	p.run(quiet)
	done()
	before := percentile(p.took, 0.99)
	idle, err := resident(c.procs.Member(0).PID())
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	others := startCrowd(ctx, t, endpoint)
	busy, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var peak float64
	began := time.Now()
	var looking sync.WaitGroup
	alive := true
	looking.Go(func() {
		defer cancel()
		for wait(busy, 50*time.Millisecond) {
			select {
			case <-others.ended:
				alive = false
				return
			default:
			}
			if got := others.got(); time.Since(began) > busyMin && got.Ranges >= l.readers && got.Events > 0 {
				return
			}
			if now, err := resident(c.procs.Member(0).PID()); err == nil {
				peak = max(peak, now)
			}
		}
	})
	p.run(busy)
	stop()
	looking.Wait()
	got := others.end()
	require.True(t, alive, "the clients ended: %v %v", others.err, others.other)
	after := percentile(p.took, 0.99)
	t.Logf("%+v: memory %.0f MiB idle, %.0f MiB at most; %+v; a put's p99 %v before, %v under load (%d puts)",
		l, idle/(1<<20), peak/(1<<20), got, before, after, len(p.took))
	require.Positive(t, got.Events)
	require.Positive(t, got.Ranges)
	// The collector lets the heap grow to twice what lives.
	require.Less(t, peak, idle+2*float64(budget)+memoryOfClients, "memory has a cap")
	resp, err := pb.NewKVClient(c.conns[0]).Range(t.Context(), &pb.RangeRequest{Key: []byte("pace/"), RangeEnd: []byte("pace0"), CountOnly: true})
	require.NoError(t, err)
	require.GreaterOrEqual(t, resp.Count, int64(p.done))
}
