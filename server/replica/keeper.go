package replica

import (
	"context"
	"errors"

	etcdraft "go.etcd.io/raft/v3"

	"github.com/petcd/petcd/raft/log"
)

// logKeeper shortens the log: every SnapshotCount entries it lets go of those that neither a follower that lags a little
// nor this member's own state could still need.
type logKeeper struct {
	r    *Replica
	next uint64 // owned by the apply goroutine
	wake chan struct{}
}

func newLogKeeper(r *Replica, applied uint64) *logKeeper {
	return &logKeeper{r: r, next: applied + r.cfg.Member.SnapshotCount, wake: make(chan struct{}, 1)}
}

// applied tells how far the state is. It never blocks.
func (k *logKeeper) applied(index uint64) {
	if index < k.next {
		return
	}
	k.next = index + k.r.cfg.Member.SnapshotCount
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run shortens the log whenever it is woken, until ctx ends.
func (k *logKeeper) run(ctx context.Context, l log.Log) {
	for {
		select {
		case <-k.wake:
			if err := k.compact(l); err != nil {
				k.r.fail(err)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// compact lets go of the entries up to the smallest of three indexes: what a crash would leave of the state, the applied index less
// what slow followers may want, and what raft knows to be applied: before it stands for election it looks through what it takes for
// not applied yet. (I1: an entry that the state could lose is never let go.)
func (k *logKeeper) compact(l log.Log) error {
	applied := k.r.applied.index.Load()
	keep := k.r.cfg.Member.SnapshotCatchUpEntries
	if applied <= keep {
		return nil
	}
	index := min(applied-keep, k.r.store.DurableApplied(), k.r.node.Status().Applied)
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	if index < first {
		return nil
	}
	if err := l.Compact(index); err != nil && !errors.Is(err, etcdraft.ErrCompacted) {
		return err
	}
	k.r.logger.Info("compacted Raft logs", "compact_index", index)
	return nil
}
