package replica

import (
	"context"
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/raft"
	"github.com/petcd/petcd/server/apply"
)

// backlogMax is how far applying may lag behind committing before new requests are refused, in entries.
const backlogMax = 5000

// NextID returns a request id that no other request of the cluster has.
func (r *Replica) NextID() uint64 { return r.ids.next() }

// Propose appends a request to the log and waits until it is applied here. It gives the request its id, and completes what
// must be decided before the entry is written: a lease's id and its least TTL.
//
// An error says that the request's fate is unknown (ErrTimeout and its kin), or that it was not proposed. That the request
// itself was refused is in Result.Err.
func (r *Replica) Propose(ctx context.Context, req *pb.InternalRaftRequest) (*apply.Result, error) {
	room := uint64(backlogMax)
	// With the gate PriorityRequest the end of a lease has twice the room of any other: it takes load off the cluster.
	if req.LeaseRevoke != nil && r.cfg.Member.FeatureGates["PriorityRequest"] {
		room *= 2
	}
	if r.behind(room) {
		return nil, ErrTooManyRequests
	}
	if req.LeaseGrant != nil {
		req.LeaseGrant = r.completeGrant(req.LeaseGrant)
	}
	return r.proposeEntry(ctx, func(id uint64) ([]byte, error) {
		if req.Header == nil {
			req.Header = &pb.RequestHeader{}
		}
		req.Header.ID = id
		return proto.Marshal(req)
	})
}

// proposeEntry is Propose for a request that encode makes an entry of, with the id it is given.
func (r *Replica) proposeEntry(ctx context.Context, encode func(id uint64) ([]byte, error)) (*apply.Result, error) {
	w, err := r.register()
	if err != nil {
		return nil, err
	}
	data, err := encode(w.id)
	if err == nil && len(data) > int(r.cfg.Member.MaxRequestBytes) {
		err = ErrRequestTooLarge
	}
	if err != nil {
		r.waiters.drop(w)
		return nil, err
	}
	if ctx.Err() == nil && r.node.TryPropose(data, w) {
		return r.await(ctx, w)
	}
	return r.proposeAndAwait(ctx, w, func(ctx context.Context) error { return r.node.Propose(ctx, data) })
}

// behind tells whether the state is more than so many entries behind: requests must wait for it to catch up.
func (r *Replica) behind(room uint64) bool {
	return r.node.Status().Commit > r.applied.index.Load()+room
}

// completeGrant picks an id for a lease that has none, and raises its TTL to the least one: a lease must outlive the
// election of the leader that keeps its time.
func (r *Replica) completeGrant(g *pb.LeaseGrantRequest) *pb.LeaseGrantRequest {
	id, ttl := g.GetID(), max(g.GetTTL(), r.leaseTTLMin)
	for id == 0 {
		id = int64(r.ids.next() & (1<<63 - 1))
	}
	return &pb.LeaseGrantRequest{ID: id, TTL: ttl}
}

// register makes a waiter with an id of its own. Whoever registers waits (await), or drops it.
func (r *Replica) register() (*waiter, error) {
	now := time.Now()
	w := &waiter{ch: make(chan answer, 1), began: now, until: now.Add(r.cfg.Member.RequestTimeout())}
	for range 1024 {
		w.id = r.ids.next()
		if !r.waiters.register(w) {
			continue
		}
		select {
		case <-r.stopped:
			r.waiters.drop(w)
			return nil, ErrStopped
		default:
			return w, nil
		}
	}
	return nil, ErrTooManyRequests // nearly every slot is taken
}

// proposeAndAwait brings something on its way by propose, which may wait itself, and waits for the answer.
func (r *Replica) proposeAndAwait(ctx context.Context, w *waiter, propose func(context.Context) error) (*apply.Result, error) {
	tctx, cancel := context.WithDeadline(ctx, w.until)
	defer cancel()
	if err := propose(tctx); err != nil {
		return nil, r.giveUp(w, err)
	}
	return r.await(ctx, w)
}

// await waits for the answer to what is on its way, at most for the time a request has.
func (r *Replica) await(ctx context.Context, w *waiter) (*apply.Result, error) {
	r.metrics.pending.Add(1)
	defer r.metrics.pending.Add(-1)
	select {
	case a := <-w.ch:
		w.gone.Store(true) // also of one that ends while it waits to be proposed
		if errors.Is(a.err, context.DeadlineExceeded) {
			return nil, r.giveUp(w, a.err)
		}
		return a.result, a.err
	case <-ctx.Done():
		return nil, r.giveUp(w, ctx.Err())
	}
}

// giveUp ends a wait, and says why.
func (r *Replica) giveUp(w *waiter, err error) error {
	r.waiters.drop(w)
	r.metrics.failed.Inc()
	return r.requestError(err, w.began)
}

// requestError says why a request that began at start was given up, as far as this member can tell.
func (r *Replica) requestError(err error, start time.Time) error {
	switch {
	case errors.Is(err, raft.ErrStopped):
		return ErrStopped
	case errors.Is(err, context.Canceled):
		return ErrCanceled
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	}
	if elected, lost := r.leader.elected(); start.After(lost) && start.Before(elected) {
		return ErrTimeoutLeaderFail
	}
	switch lead := r.node.Status().Lead; lead {
	case 0:
	case r.cluster.LocalID():
		if !r.connected.quorumSince(start) {
			return ErrTimeoutConnectionLost
		}
	default:
		if !r.connected.since(lead, start) {
			return ErrTimeoutConnectionLost
		}
	}
	return ErrTimeout
}
