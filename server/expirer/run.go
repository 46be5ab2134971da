package expirer

import (
	"context"
	"log/slog"
	"time"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

const (
	// lookEvery is how often the leader looks for what expires next: a node with a time to live that was made meanwhile. The
	// shortest that requests can ask for is a second.
	lookEvery = 500 * time.Millisecond

	// retryAfter is when a proposal that failed is tried again.
	retryAfter = 500 * time.Millisecond
)

// Replica is what an expirer needs of this member's copy of the state.
type Replica interface {
	ProposeV2(ctx context.Context, r *v2pb.Request) (*v2store.Event, error)
	ReadBarrier(ctx context.Context) error
	Status() replica.Status
	LeaderChanged() <-chan struct{}
	// V2NextExpiry is when the next node expires; false when none does.
	V2NextExpiry() (time.Time, bool, error)
}

// Run ends what has expired whenever this member leads, until ctx ends. A nil logger discards messages.
func Run(ctx context.Context, r Replica, logger *slog.Logger) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	e := &expirer{replica: r, logger: logger}
	for ctx.Err() == nil {
		changed := r.LeaderChanged()
		if !r.Status().IsLeader {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		wait(ctx, changed, e.turn(ctx))
	}
}

// expirer is the loop of Run.
type expirer struct {
	replica Replica
	logger  *slog.Logger
}

// turn ends what is due, and tells when to look again.
func (e *expirer) turn(ctx context.Context) time.Duration {
	next, ok, err := e.replica.V2NextExpiry()
	if err != nil {
		e.failed(ctx, err)
		return retryAfter
	}
	if !ok {
		return lookEvery
	}
	if left := time.Until(next); left > 0 {
		return min(left, lookEvery)
	}
	if err := e.replica.ReadBarrier(ctx); err != nil {
		e.failed(ctx, err)
		return retryAfter
	}
	if _, err := e.replica.ProposeV2(ctx, &v2pb.Request{Method: "SYNC", Time: time.Now().UnixNano()}); err != nil {
		e.failed(ctx, err)
		return retryAfter
	}
	return 0 // more may be due than one entry ends
}

// failed logs what kept the leader from ending what is due.
func (e *expirer) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		e.logger.Warn("failed to end expired v2 keys", "error", err)
	}
}

// wait returns after d, or when the leader changes or ctx ends.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}
