package apply

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/storage"
)

// leaseGrant makes a lease. Its TTL is taken as it is: whoever proposed it has already raised it to the least one this
// cluster's elections allow, so that the entry alone decides.
func (a *Applier) leaseGrant(b *storage.Batch, req *pb.LeaseGrantRequest) *Result {
	switch {
	case req.GetID() == 0:
		return &Result{Err: ErrLeaseNotFound}
	case req.GetTTL() > LeaseTTLMax:
		return &Result{Err: ErrLeaseTTLTooLarge}
	case b.LeaseExists(req.GetID()):
		return &Result{Err: ErrLeaseExists}
	}
	err := b.LeaseGrant(req.GetID(), req.GetTTL())
	return &Result{Resp: &pb.LeaseGrantResponse{Header: header(b.Revision()), ID: req.GetID(), TTL: req.GetTTL()}, Err: err}
}

// leaseRevoke ends a lease and deletes its keys in one revision.
func (a *Applier) leaseRevoke(b *storage.Batch, req *pb.LeaseRevokeRequest) *Result {
	if !b.LeaseExists(req.GetID()) {
		return &Result{Err: ErrLeaseNotFound}
	}
	revision, err := b.LeaseRevoke(req.GetID())
	return &Result{Resp: &pb.LeaseRevokeResponse{Header: header(revision)}, Err: err}
}

// leaseCheckpoint stores how long leases had left. Those that ended meanwhile are passed over.
func (a *Applier) leaseCheckpoint(b *storage.Batch, req *pb.LeaseCheckpointRequest) *Result {
	for _, c := range req.GetCheckpoints() {
		if !b.LeaseExists(c.GetID()) {
			continue
		}
		if err := b.LeaseCheckpoint(c.GetID(), c.GetRemaining_TTL()); err != nil {
			return &Result{Err: err}
		}
	}
	return &Result{Resp: &pb.LeaseCheckpointResponse{Header: header(b.Revision())}}
}
