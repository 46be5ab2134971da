package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
)

// batchBytesMax bounds the entries of one storage batch, so that the first waiters need not wait for the last entry of a
// long replay, and memory stays bounded.
const batchBytesMax = 4 << 20

// applyLoop is the state machine that raft drives. All its methods but SnapshotMetadata are called by the node's apply
// goroutine, which owns its fields.
type applyLoop struct {
	r *Replica

	answers []pendingAnswer
	effects []membership.Effect
	leases  []leaseChange
	logins  []login
	conf    *raftpb.ConfState // the configuration as of the batch's end; nil when it is unchanged
}

// pendingAnswer is an answer that waits for the commit of its batch.
type pendingAnswer struct {
	id uint64
	answer
}

// Apply writes committed entries into the store, in batches, and answers their waiters.
func (l *applyLoop) Apply(entries []*raftpb.Entry) error {
	for len(entries) > 0 {
		n, bytes := 0, 0
		for n < len(entries) && (n == 0 || bytes+len(entries[n].GetData()) <= batchBytesMax) {
			bytes += len(entries[n].GetData())
			n++
		}
		n, err := l.applyBatch(entries[:n])
		if err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// applyBatch applies entries in one batch and returns their number. An entry that changes users or roles ends the batch
// before it, and has one to itself (invariant I1 of package auth).
func (l *applyLoop) applyBatch(entries []*raftpb.Entry) (applied int, err error) {
	start := time.Now()
	l.answers, l.effects, l.leases = l.answers[:0], l.effects[:0], l.leases[:0]
	l.conf = nil
	b := l.r.store.NewBatch()
	committed := false
	defer func() {
		if !committed { // also when ApplyConfChange unwinds
			err = errors.Join(err, b.Close())
		}
	}()
	alone := false
	for _, e := range entries {
		if e.GetType() == raftpb.EntryNormal {
			alone, err = l.normal(b, e, applied == 0)
		} else {
			err = l.confChange(b, e)
		}
		if err != nil {
			return 0, fmt.Errorf("replica: entry %d: %w", e.GetIndex(), err)
		}
		if alone && applied > 0 {
			break // not applied yet
		}
		if applied++; alone {
			break
		}
	}
	last := entries[applied-1]
	if l.conf != nil {
		l.r.point.changing()
	}
	committed = true // Commit ends the batch also when it fails
	began := time.Now()
	if err := b.Commit(last.GetIndex(), last.GetTerm()); err != nil {
		return 0, fmt.Errorf("replica: commit up to entry %d: %w", last.GetIndex(), err)
	}
	l.r.metrics.commitSeconds.Observe(time.Since(began).Seconds())
	l.publish(last.GetIndex(), last.GetTerm())
	if took, expected := time.Since(start), l.r.cfg.Member.WarningApplyDuration; expected > 0 && took > expected {
		l.r.metrics.slowApplies.Inc()
		l.r.logger.Warn("apply request took too long", "took", took, "expected_duration", expected,
			"entries", applied, "last_index", last.GetIndex())
	}
	return applied, nil
}

// keepRemoval has the state written that another voter is gone from, which others wait for (removalsDurable).
func (l *applyLoop) keepRemoval(index uint64) {
	r := l.r
	if !slices.ContainsFunc(l.effects, func(e membership.Effect) bool {
		return e.Kind == membership.Removed && !e.Member.IsLearner && e.Member.ID != r.cluster.LocalID()
	}) {
		return
	}
	r.removal.Store(index)
	r.spawn(func(context.Context) {
		if err := r.store.Flush(); err != nil {
			r.logger.Warn("could not make the removal of a member durable at once", "error", err)
		}
	})
}

// publish makes a committed batch visible: first users, roles and leases, so that who waits for the index finds them, then
// the index, then what follows from its entries, then the answers.
func (l *applyLoop) publish(index, term uint64) {
	r := l.r
	r.auth.Publish()
	l.admit()
	for _, c := range l.leases {
		c.tell(r.cfg.Leases)
	}
	r.point.advance(index, term, l.conf)
	l.keepRemoval(index)
	r.applied.advance(index)
	for _, e := range l.effects {
		r.follow(e)
	}
	for _, a := range l.answers {
		if a.result != nil && errors.Is(a.result.Err, apply.ErrNoSpace) && r.quota.exceeded(a.answer, a.id) {
			continue // answered once the alarm is raised
		}
		r.waiters.answer(a.id, a.answer)
	}
	r.keeper.applied(index)
}

// normal applies an entry that holds a request. One without data is what a new leader begins its term with. An entry that
// must have a batch to itself is said to be alone, and is applied only if it is first.
func (l *applyLoop) normal(b *storage.Batch, e *raftpb.Entry, first bool) (alone bool, err error) {
	if len(e.GetData()) == 0 {
		return false, nil
	}
	if id, v2, ok := v2pb.Unmarshal(e.GetData()); ok {
		return false, l.normalV2(b, v2, id)
	}
	req := &pb.InternalRaftRequest{}
	if err := proto.Unmarshal(e.GetData(), req); err != nil {
		// The same bytes fail in the same way everywhere, so passing over them keeps all members equal.
		l.r.logger.Error("ignored a log entry that is no request", "index", e.GetIndex(), "error", err)
		return false, nil
	}
	if alone = apply.IsAuthChange(req); alone && !first {
		return alone, nil
	}
	id := req.GetHeader().GetID()
	if req.ID != 0 {
		id = req.ID
	}
	if v2 := l.v2Request(e, req); v2 != nil {
		return false, l.normalV2(b, v2, id)
	}
	began := time.Now()
	res, err := l.r.applier.Apply(b, req, l.r.waiters.waiting(id))
	if err != nil {
		return alone, err
	}
	l.r.metrics.applySeconds.observe(req, res.Err, time.Since(began))
	l.noteLease(b, req, res.Err)
	l.noteLogin(e.GetIndex(), req, res.Resp)
	l.answers = append(l.answers, pendingAnswer{id, answer{result: res}})
	return alone, nil
}

// confChange applies an entry that changes the members. Raft is told exactly once of each: of the change, or, when it is
// refused, of one that changes nothing.
func (l *applyLoop) confChange(b *storage.Batch, e *raftpb.Entry) error {
	r := l.r
	cc := &raftpb.ConfChange{}
	var refused error
	if e.GetType() != raftpb.EntryConfChange {
		refused = fmt.Errorf("%w: entry type %v", membership.ErrBadChange, e.GetType())
	} else if err := proto.Unmarshal(e.GetData(), cc); err != nil {
		cc, refused = &raftpb.ConfChange{}, fmt.Errorf("%w: %w", membership.ErrBadChange, err)
	}
	var effect membership.Effect
	if refused == nil {
		effect, refused = r.cluster.Check(cc)
	}
	if refused != nil {
		r.logger.Warn("refused a change of members", "index", e.GetIndex(), "error", refused)
		id := cc.GetId()
		cc = &raftpb.ConfChange{Id: &id}
	} else {
		if err := r.cluster.Make(b, effect); err != nil {
			return err
		}
		l.effects = append(l.effects, effect)
	}
	before := l.conf
	if before == nil {
		before, _, _ = r.point.settled()
	}
	conf := r.node.ApplyConfChange(e.GetIndex(), before, cc)
	if err := putConfState(b, conf); err != nil {
		return err
	}
	if err := r.cluster.RecordID(b); err != nil {
		return err
	}
	l.conf = conf
	l.answers = append(l.answers, pendingAnswer{cc.GetId(), answer{err: refused}})
	return nil
}
