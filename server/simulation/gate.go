package simulation

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing/synctest"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// gate lines up those who propose, clients and the lessor: of many who act at once, as when there is a leader again, here each gets his
// place. It is the replica as the lessor sees it.
type gate struct {
	*replica.Replica
	hooks  *Hooks
	closed chan struct{} // when the process ends

	mu      sync.Mutex
	waiting []*turn
}

// turn is one goroutine that waits at the gate.
type turn struct {
	order int64
	begin chan struct{}
}

// afterClients is more than any demand's number: what the lessor proposes comes after what clients do.
const afterClients = 1 << 32

// Propose implements lessor.Replica.
func (g *gate) Propose(ctx context.Context, r *pb.InternalRaftRequest) (*apply.Result, error) {
	return g.propose(ctx, afterClients+r.LeaseRevoke.GetID(), r)
}

// propose is Propose for one of many who wait.
func (g *gate) propose(ctx context.Context, order int64, r *pb.InternalRaftRequest) (*apply.Result, error) {
	if err := g.wait(ctx, order); err != nil {
		return nil, err
	}
	return g.Replica.Propose(ctx, r)
}

// proposeV2 is propose for API 2.
func (g *gate) proposeV2(ctx context.Context, order int64, r *v2pb.Request) (*v2store.Event, error) {
	if err := g.wait(ctx, order); err != nil {
		return nil, err
	}
	return g.Replica.ProposeV2(ctx, r)
}

// wait waits for one's turn.
func (g *gate) wait(ctx context.Context, order int64) error {
	t := &turn{order, make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, t)
	g.mu.Unlock()
	select {
	case <-t.begin:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-g.closed:
		return replica.ErrStopped
	}
}

// ReadBarrier implements lessor.Replica.
func (g *gate) ReadBarrier(ctx context.Context) error {
	if g.hooks.AllLead {
		return nil
	}
	return g.Replica.ReadBarrier(ctx)
}

// Status implements lessor.Replica.
func (g *gate) Status() replica.Status {
	s := g.Replica.Status()
	s.IsLeader = s.IsLeader || g.hooks.AllLead
	return s
}

// open lets those in who wait, one after the other, once there is a leader to propose to.
func (g *gate) open() {
	if g.Replica.Status().Leader == 0 {
		return
	}
	g.mu.Lock()
	all := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	slices.SortFunc(all, func(a, b *turn) int { return cmp.Compare(a.order, b.order) })
	for _, t := range all {
		close(t.begin)
		synctest.Wait()
	}
}
