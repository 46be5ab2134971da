package replica

import (
	etcdraft "go.etcd.io/raft/v3"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Status is this member's view of itself and its leader at one moment.
type Status struct {
	MemberID, ClusterID       uint64
	Leader                    uint64 // 0 when there is none
	Term                      uint64
	CommitIndex, AppliedIndex uint64
	IsLeader, IsLearner       bool
	Quota                     int64
}

// Status returns this member's view. It is cheap.
func (r *Replica) Status() Status {
	s := r.node.Status()
	return Status{
		MemberID:     r.cluster.LocalID(),
		ClusterID:    r.cluster.ID(),
		Leader:       s.Lead,
		Term:         s.Term,
		CommitIndex:  s.Commit,
		AppliedIndex: r.applied.index.Load(),
		IsLeader:     s.State == etcdraft.StateLeader,
		IsLearner:    r.cluster.IsLocalLearner(),
		Quota:        r.quota.max.Load(),
	}
}

// Header is a response header with this member's ids, its term and the store's revision.
func (r *Replica) Header() *pb.ResponseHeader {
	return &pb.ResponseHeader{
		ClusterId: r.cluster.ID(),
		MemberId:  r.cluster.LocalID(),
		RaftTerm:  r.node.Status().Term,
		Revision:  r.store.Revision(),
	}
}
