package corruption

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
)

// Replica is what a Checker needs of this member's copy of the state.
type Replica interface {
	Propose(ctx context.Context, r *pb.InternalRaftRequest) (*apply.Result, error)
	ReadBarrier(ctx context.Context) error
	Status() replica.Status
	Store() *storage.Store
	Cluster() *membership.Cluster
	Alarms(kind pb.AlarmType) []*pb.AlarmMember
	PeerClient() *http.Client
}

// Config is what a Checker is made of. Replica is required.
type Config struct {
	Replica Replica
	// Interval is how often the leader compares the newest revision; 0 means never.
	Interval time.Duration
	// CompactInterval is how often the leader looks for a compaction that was not compared yet; 0 means never.
	CompactInterval time.Duration
	// Logger receives what is found; nil discards it.
	Logger *slog.Logger
}

// Checker compares this member's keys with its peers'.
type Checker struct {
	cfg     Config
	hashMax time.Duration
	serving chan struct{} // holds one token while a peer is served

	compared int64 // newest compact revision that all members were found to agree on; owned by Run
}

// hashMax bounds one hash, here or at a peer. It reads all keys, so this is far more than requests get. A hash holds on to
// the state it reads, so it must not go on forever.
const hashMax = 5 * time.Minute

// New makes a checker. It does nothing by itself.
func New(c Config) *Checker {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Checker{cfg: c, hashMax: hashMax, serving: make(chan struct{}, 1)}
}

// rest is how many times as long as a check took there is none after it (I3).
const rest = 19

// Run checks at intervals while this member leads, until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	checks := []struct {
		every time.Duration
		run   func(context.Context) error
		due   time.Time
	}{
		{every: c.cfg.Interval, run: c.comparePresent},
		{every: c.cfg.CompactInterval, run: c.compareCompaction},
	}
	resting := time.Now()
	for i := range checks {
		checks[i].due = time.Now().Add(checks[i].every)
	}
	for {
		next := -1
		for i, k := range checks {
			if k.every > 0 && (next < 0 || k.due.Before(checks[next].due)) {
				next = i
			}
		}
		if next < 0 || !wait(ctx, max(time.Until(checks[next].due), time.Until(resting))) {
			return
		}
		begun := time.Now()
		if c.cfg.Replica.Status().IsLeader {
			if err := checks[next].run(ctx); err != nil && ctx.Err() == nil {
				c.cfg.Logger.Warn("failed to check hash KV", "error", err)
			}
		}
		took := time.Since(begun)
		checks[next].due, resting = time.Now().Add(checks[next].every), time.Now().Add(rest*took)
	}
}

// wait waits for d; false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// digest is a hash and what it is of.
type digest struct {
	hash     uint32
	revision int64
	compact  int64 // the compact revision under which it was made
	current  int64 // the newest revision then
}

// local hashes this member's keys up to a revision, 0 for the newest.
func (c *Checker) local(ctx context.Context, revision int64) (d digest, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.hashMax)
	defer cancel()
	d.hash, d.current, d.compact, d.revision, err = c.cfg.Replica.Store().HashKV(ctx, revision)
	return d, err
}
