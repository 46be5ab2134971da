package compactor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage/mvcc"
)

// Replica is what a compactor needs of this member's copy of the state.
type Replica interface {
	Propose(ctx context.Context, r *pb.InternalRaftRequest) (*apply.Result, error)
	Status() replica.Status
	Revision() int64
}

// Config says what to keep; the zero value keeps everything. One of the two may be set.
type Config struct {
	// Period keeps what is younger.
	Period time.Duration
	// Revisions keeps so many of the newest.
	Revisions int64
	// Logger receives a line per compaction; nil discards them.
	Logger *slog.Logger
}

// Run compacts until ctx ends.
func Run(ctx context.Context, r Replica, c Config) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Period > 0:
		runPeriodic(ctx, r, c)
	case c.Revisions > 0:
		runRevisions(ctx, r, c)
	}
}

// compact proposes a compaction and tells whether the history up to revision is gone now.
func compact(ctx context.Context, r Replica, c Config, mode string, revision int64) bool {
	start := time.Now()
	c.Logger.Info("starting auto "+mode+" compaction", "revision", revision)
	res, err := r.Propose(ctx, &pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: revision}})
	if err == nil {
		err = res.Err
	}
	if err == nil || errors.Is(err, mvcc.ErrCompacted) {
		c.Logger.Info("completed auto "+mode+" compaction", "revision", revision, "took", time.Since(start))
		return true
	}
	c.Logger.Warn("failed auto "+mode+" compaction", "revision", revision, "error", err)
	return false
}
