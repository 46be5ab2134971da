package lessor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
)

// Replica is what the lessor needs of this member's copy of the state.
type Replica interface {
	Propose(ctx context.Context, r *pb.InternalRaftRequest) (*apply.Result, error)
	// ServerHeader makes a request this member's own: it may do everything.
	ServerHeader() *pb.RequestHeader
	ReadBarrier(ctx context.Context) error
	EnsureLeader(ctx context.Context) error
	// LeadsNow says that EnsureLeader would return at once, or with strict that ReadBarrier would at a leader.
	LeadsNow(strict bool) bool
	Status() replica.Status
	LeaderChanged() <-chan struct{}
	Store() *storage.Store
	AskLeader(ctx context.Context, path string, body []byte) ([]byte, error)
}

// Config is what a Lessor is made of.
type Config struct {
	// Extension is added to every lease's time when this member becomes leader: what the election may have taken.
	Extension time.Duration
	// RequestTimeout bounds a keep-alive or a question for a lease's time.
	RequestTimeout time.Duration
	// Checkpoints makes the leader store, now and then, how long leases have left.
	Checkpoints bool
	// FastKeepAlive lets a keep-alive rely on a majority's answer of a moment ago instead of asking one itself.
	FastKeepAlive bool
	// Logger receives the lessor's messages; nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them private.
	Registerer prometheus.Registerer
}

// Lessor counts leases' time while this member leads, and asks the leader while it does not. It is the replica's
// LeaseObserver.
type Lessor struct {
	cfg     Config
	replica Replica
	metrics *metrics
	wake    chan struct{} // the soonest expiry may have changed

	mu      sync.Mutex
	leases  map[int64]*lease
	queue   queue
	demoted chan struct{} // closed when this member stops to lead; nil while it does not
}

// New makes a lessor without leases. Bind it to its replica before anything else.
func New(c Config) *Lessor {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Lessor{cfg: c, metrics: newMetrics(c.Registerer), wake: make(chan struct{}, 1), leases: map[int64]*lease{}}
}

// Bind gives the lessor its replica, whose observer it is, and reads the leases of the state. It comes before Run, and
// before the replica runs.
func (l *Lessor) Bind(r Replica) {
	l.replica = r
	l.Replaced()
}

// seconds makes a duration of a TTL as requests carry it. The longest that a lease may have, 285 years, just fits; a log
// may hold anything.
func seconds(n int64) time.Duration {
	return time.Duration(min(n, apply.LeaseTTLMax)) * time.Second
}

// Granted adds a lease. A leader begins to count its time.
func (l *Lessor) Granted(id, ttl int64) {
	l.metrics.granted.Inc()
	l.metrics.ttl.Observe(float64(ttl))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(id, ttl, 0)
}

func (l *Lessor) add(id, ttl, remaining int64) {
	e := &lease{id: id, ttl: seconds(ttl), remaining: seconds(remaining), ended: make(chan struct{}), position: -1}
	l.leases[id] = e
	if l.demoted != nil {
		l.start(e, 0)
	}
}

// start begins a lease's time, or begins it again.
func (l *Lessor) start(e *lease, extension time.Duration) {
	left := e.ttl
	if e.remaining > 0 {
		left = e.remaining
	}
	e.expired = false
	e.expiry = time.Now().Add(left + extension)
	l.queue.set(e)
	if e.position == 0 {
		l.signal()
	}
}

func (l *Lessor) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Revoked removes a lease.
func (l *Lessor) Revoked(id int64) {
	l.metrics.revoked.Inc()
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.leases[id]; e != nil {
		l.drop(e)
	}
}

func (l *Lessor) drop(e *lease) {
	delete(l.leases, e.id)
	l.queue.remove(e)
	close(e.ended)
}

// Checkpointed notes what is left of a lease's time, for the day this member leads.
func (l *Lessor) Checkpointed(id, remaining int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.leases[id]; e != nil {
		e.remaining = seconds(remaining)
	}
}

// Replaced reads the leases of a state that is new as a whole.
func (l *Lessor) Replaced() {
	table := l.replica.Store().Leases()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.leases {
		l.drop(e)
	}
	for _, info := range table {
		l.add(info.ID, info.TTL, info.RemainingTTL)
	}
}
