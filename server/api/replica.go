package api

import (
	"context"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
)

// Replica is what the services need of a member's replica.
type Replica interface {
	// Propose returns once the request is applied here. Result.Err is the
	// state machine's refusal, the error one of consensus.
	Propose(ctx context.Context, r *pb.InternalRaftRequest) (*apply.Result, error)
	// CheckQuota refuses a write that the store has no room for.
	CheckQuota(ctx context.Context, r *pb.InternalRaftRequest) error
	// ReadBarrier returns when a read of the store is linearizable.
	ReadBarrier(ctx context.Context) error

	Store() *storage.Store
	Cluster() *membership.Cluster
	Auth() *auth.Store
	Status() replica.Status
	Alarms(kind pb.AlarmType) []*pb.AlarmMember

	AddMember(ctx context.Context, peerURLs []string, learner bool) (*membership.Member, []*membership.Member, error)
	RemoveMember(ctx context.Context, id uint64) ([]*membership.Member, error)
	UpdateMember(ctx context.Context, id uint64, peerURLs []string) ([]*membership.Member, error)
	PromoteMember(ctx context.Context, id uint64) ([]*membership.Member, error)
	MoveLeader(ctx context.Context, to uint64) error

	ValidateDowngrade(ctx context.Context, target *semver.Version) error
	EnableDowngrade(ctx context.Context, target *semver.Version) error
	CancelDowngrade(ctx context.Context) error
}

// Lessor is what the lease service needs of the leases' clock. On a follower
// both calls ask the leader.
type Lessor interface {
	KeepAlive(ctx context.Context, id int64) (ttl int64, err error)
	TimeToLive(ctx context.Context, id int64, keys bool) (*pb.LeaseTimeToLiveResponse, error)
}
