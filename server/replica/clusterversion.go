package replica

import (
	"context"
	"time"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"

	"github.com/petcd/petcd/server/version"
)

// versionInterval is how often the leader looks whether the members' versions allow a higher cluster version.
const versionInterval = 4 * time.Second

// decideVersion keeps the cluster version at the lowest of the members' versions while this member leads, until ctx ends.
func (r *Replica) decideVersion(ctx context.Context) {
	for ctx.Err() == nil {
		changed := r.node.LeaderChanged()
		if r.isLeader() {
			r.updateVersion(ctx)
		}
		timer := time.NewTimer(versionInterval)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// updateVersion proposes a cluster version when the present one is not the one to have.
func (r *Replica) updateVersion(ctx context.Context) {
	// The version may be in the log and only not applied yet.
	if r.ReadBarrier(ctx) != nil {
		return
	}
	have, want := r.cluster.Version(), r.lowestVersion(ctx)
	switch {
	case want == nil && have == nil:
		// Somebody is out of reach. Begin with the least, and raise it once all are known.
		want = semver.New(version.MinCluster)
	case want == nil, have != nil && !have.LessThan(*want):
		return
	}
	req := &membershippb.ClusterVersionSetRequest{Ver: want.String()}
	if _, err := r.Propose(ctx, &pb.InternalRaftRequest{ClusterVersionSet: req}); err != nil {
		r.logger.Warn("failed to update cluster version", "error", err)
		return
	}
	r.logger.Info("updated cluster version", "to", want.String())
}

// lowestVersion is the lowest of all members' versions, without its patch level; nil when a member does not answer.
func (r *Replica) lowestVersion(ctx context.Context) *semver.Version {
	lowest := semver.New(version.Cluster)
	for _, m := range r.cluster.Members() {
		if m.ID == r.cluster.LocalID() {
			continue
		}
		tctx, cancel := context.WithTimeout(ctx, askMax)
		v, err := r.peers.version(tctx, m)
		cancel()
		if err != nil {
			return nil
		}
		theirs, err := semver.NewVersion(v.Server)
		if err != nil {
			return nil
		}
		theirs = &semver.Version{Major: theirs.Major, Minor: theirs.Minor}
		if theirs.LessThan(*lowest) {
			lowest = theirs
		}
	}
	return lowest
}
