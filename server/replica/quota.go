package replica

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/config"
)

const (
	// quotaInterval is how often the real size of the store is read when nothing forces it.
	quotaInterval = time.Second

	// quotaClear is the part of the quota below which the store must shrink before its alarm is lowered. The gap keeps an
	// alarm from going up and down with every write.
	quotaClear = 0.9
)

// quota keeps the store below a size by raising the NOSPACE alarm, and lowers the alarm when there is room again.
type quota struct {
	r   *Replica
	max atomic.Int64 // negative: no quota

	size    atomic.Int64 // as last read
	added   atomic.Int64 // by writes since
	written atomic.Int64 // by writes since the start

	// Used by run only.
	flushed int64  // of written, so much is in tables, and so in the size, but for the batch that was being applied
	next    int64  // of written, when index was applied
	index   uint64 // what flushed waits for to become next

	mu      sync.Mutex
	raising int  // proposals of an alarm that are under way
	mine    bool // the alarm was raised for want of space, not by an operator
}

func newQuota(r *Replica, bytes int64) *quota {
	if bytes == 0 {
		bytes = config.DefaultQuotaBytes
	}
	q := &quota{r: r}
	q.max.Store(bytes)
	return q
}

// available tells whether a write of so many bytes fits, and counts it. It reads the real size only when the estimate is
// at the limit: the size costs far more than a write.
func (q *quota) available(bytes int64) bool {
	if q.max.Load() < 0 {
		return true
	}
	q.written.Add(bytes)
	if q.size.Load()+q.added.Add(bytes) < q.max.Load() {
		return true
	}
	q.refresh()
	return q.size.Load()+bytes < q.max.Load()
}

func (q *quota) refresh() {
	added := q.added.Load()
	total, _ := q.r.store.Size()
	q.size.Store(total)
	q.added.Add(-added)
}

// volatile is what was written and may be in no table yet.
func (q *quota) volatile() int64 {
	written := q.written.Load()
	if q.r.store.DurableApplied() >= q.index {
		q.flushed, q.next = q.next, written
		q.index, _ = q.r.store.Applied()
	}
	return written - q.flushed
}

// exceeded takes over the answer to a write that the quota refused: it is given once the alarm is raised, so that who
// learns of the refusal sees the alarm. It declines when the alarm is up already, and refused the write itself.
func (q *quota) exceeded(a answer, id uint64) bool {
	if len(q.r.applier.Alarms(pb.AlarmType_NOSPACE)) > 0 || !q.beginRaising(true) {
		return false
	}
	q.r.spawn(func(ctx context.Context) {
		q.raise(ctx)
		q.r.waiters.answer(id, a)
	})
	return true
}

// beginRaising precedes raise. One that would be alone declines when another raises the alarm already.
func (q *quota) beginRaising(alone bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if alone && q.raising > 0 {
		return false
	}
	q.mine = true
	q.raising++
	return true
}

func (q *quota) raise(ctx context.Context) {
	q.r.logger.Warn("message exceeded backend quota; raising alarm", "quota_size_bytes", q.max.Load())
	q.set(ctx, pb.AlarmRequest_ACTIVATE)
	q.mu.Lock()
	q.raising--
	q.mu.Unlock()
}

// set proposes to raise or lower this member's alarm.
func (q *quota) set(ctx context.Context, action pb.AlarmRequest_AlarmAction) {
	req := &pb.AlarmRequest{MemberID: q.r.cluster.LocalID(), Action: action, Alarm: pb.AlarmType_NOSPACE}
	if _, err := q.r.Propose(ctx, &pb.InternalRaftRequest{Alarm: req}); err != nil && !errors.Is(err, ErrStopped) {
		q.r.logger.Warn("could not propose an alarm", "action", action.String(), "error", err)
	}
}

// raised tells whether this member's alarm is up.
func (q *quota) raised() bool {
	return slices.ContainsFunc(q.r.applier.Alarms(pb.AlarmType_NOSPACE),
		func(m *pb.AlarmMember) bool { return m.MemberID == q.r.cluster.LocalID() })
}

// adopt takes an alarm that is up for one that was raised for want of space. It is called once, when all of the log that was
// there at the start is applied again.
func (q *quota) adopt() {
	if q.max.Load() >= 0 && q.raised() {
		q.mu.Lock()
		q.mine = true
		q.mu.Unlock()
	}
}

// isMine tells whether the alarm that is up was raised for want of space. Once an alarm that was up no longer is, the next one is
// an operator's; but not as long as one is being raised, which is not up yet.
func (q *quota) isMine(wasUp bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if wasUp && q.raising == 0 && !q.raised() {
		q.mine = false
	}
	return q.mine
}

// run lowers the alarm when there is space again, until ctx ends. An alarm that is up at the start counts as raised for
// want of space; one that an operator raises later is left to the operator. Near the limit it has flushed what is in no table, as
// the size is that of the tables.
func (q *quota) run(ctx context.Context) {
	if q.max.Load() < 0 {
		return
	}
	q.refresh()
	for up := false; ; {
		sleep(ctx, quotaInterval)
		if ctx.Err() != nil {
			return
		}
		q.refresh()
		volatile, size, most := q.volatile(), q.size.Load(), q.max.Load()
		if !up && size < most && size+volatile >= most && q.r.store.Health() == nil {
			if err := q.r.store.Flush(); err != nil {
				q.r.logger.Warn("could not flush the state to learn its size", "error", err)
			}
			q.refresh()
		}
		mine := q.isMine(up)
		up = q.raised()
		if up && mine && float64(q.size.Load()) < quotaClear*float64(q.max.Load()) {
			q.r.logger.Info("space is available again; lowering alarm", "size_bytes", q.size.Load(), "quota_size_bytes", q.max.Load())
			q.set(ctx, pb.AlarmRequest_DEACTIVATE)
		}
	}
}

// CheckQuota refuses a request that this member has no room for, before it is proposed, and raises the alarm.
func (r *Replica) CheckQuota(ctx context.Context, req *pb.InternalRaftRequest) error {
	return r.checkRoom(ctx, apply.Cost(req))
}

// checkRoom is CheckQuota for a request of that cost.
func (r *Replica) checkRoom(ctx context.Context, cost int64) error {
	if cost == 0 || r.quota.max.Load() < 0 || r.quota.size.Load()+r.quota.added.Load()+cost < r.quota.max.Load() {
		return nil
	}
	r.quota.refresh()
	if r.quota.size.Load()+cost < r.quota.max.Load() {
		return nil
	}
	if !r.quota.raised() {
		r.quota.beginRaising(false)
		r.quota.raise(ctx)
	}
	return apply.ErrNoSpace
}

// Alarms are the alarms of one type that are raised; all of them for NONE.
func (r *Replica) Alarms(kind pb.AlarmType) []*pb.AlarmMember { return r.applier.Alarms(kind) }
