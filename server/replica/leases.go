package replica

import (
	"errors"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/storage"
)

// LeaseObserver is told of every change of the lease table, after it is committed, in log order, by the apply goroutine. It
// must not block.
type LeaseObserver interface {
	// Granted tells of a new lease.
	Granted(id, ttl int64)
	// Revoked tells that a lease ended.
	Revoked(id int64)
	// Checkpointed tells that a lease's remaining time was stored.
	Checkpointed(id, remaining int64)
	// Replaced tells that the whole table is another: a snapshot was installed.
	Replaced()
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Granted(int64, int64)      {}
func (nobody) Revoked(int64)             {}
func (nobody) Checkpointed(int64, int64) {}
func (nobody) Replaced()                 {}

// leaseChange is a request that changed the lease table.
type leaseChange struct{ req *pb.InternalRaftRequest }

// noteLease keeps a request that changed leases until its batch is committed. A grant that the quota answered with an
// error was made nevertheless.
func (l *applyLoop) noteLease(b *storage.Batch, req *pb.InternalRaftRequest, refused error) {
	made := refused == nil && (req.LeaseRevoke != nil || req.LeaseCheckpoint != nil)
	if g := req.LeaseGrant; g != nil {
		made = refused == nil || errors.Is(refused, apply.ErrNoSpace) && b.LeaseExists(g.GetID())
	}
	if made {
		l.leases = append(l.leases, leaseChange{req})
	}
}

// tell passes the change on.
func (c leaseChange) tell(o LeaseObserver) {
	switch {
	case c.req.LeaseGrant != nil:
		o.Granted(c.req.LeaseGrant.GetID(), c.req.LeaseGrant.GetTTL())
	case c.req.LeaseRevoke != nil:
		o.Revoked(c.req.LeaseRevoke.GetID())
	case c.req.LeaseCheckpoint != nil:
		for _, cp := range c.req.LeaseCheckpoint.GetCheckpoints() {
			o.Checkpointed(cp.GetID(), cp.GetRemaining_TTL())
		}
	}
}
