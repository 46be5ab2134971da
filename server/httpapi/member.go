package httpapi

import (
	"context"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
)

// ReplicaMember is a replica as the handlers see it.
type ReplicaMember struct{ Replica *replica.Replica }

// HasLeader reports whether a leader is known.
func (m ReplicaMember) HasLeader() bool { return m.Replica.Status().Leader != 0 }

// IsLearner reports whether the member has no vote.
func (m ReplicaMember) IsLearner() bool { return m.Replica.Cluster().IsLocalLearner() }

// Alarms lists the alarms that are raised.
func (m ReplicaMember) Alarms() []*pb.AlarmMember { return m.Replica.Alarms(pb.AlarmType_NONE) }

// DiskHealth tells why the disk under the state cannot be relied on now.
func (m ReplicaMember) DiskHealth() error { return m.Replica.DiskHealth() }

// ClusterVersion is nil until it was decided.
func (m ReplicaMember) ClusterVersion() *semver.Version { return m.Replica.Cluster().Version() }

// Read reads the first possible key, whether it exists or not.
func (m ReplicaMember) Read(ctx context.Context, local bool) error {
	if !local {
		if err := m.Replica.ReadBarrier(ctx); err != nil {
			return err
		}
	}
	_, err := apply.Range(ctx, m.Replica.Store(), &pb.RangeRequest{Key: []byte{0}, KeysOnly: true, Limit: 1})
	return err
}
