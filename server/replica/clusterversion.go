package replica

import (
	"context"
	"time"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/version"
)

// versionInterval is how often the leader looks whether the members' versions allow a higher cluster version.
const versionInterval = 4 * time.Second

// decideVersion keeps the cluster version at the lowest of the members' versions, or where a downgrade wants it, while this member leads, until ctx ends.
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
	want := nextVersion(r.cluster.Version(), lowest(r.memberVersions(ctx)), r.cluster.Downgrade())
	if want == nil {
		return
	}
	req := &membershippb.ClusterVersionSetRequest{Ver: want.String()}
	if _, err := r.Propose(ctx, &pb.InternalRaftRequest{ClusterVersionSet: req}); err != nil {
		r.logger.Warn("failed to update cluster version", "error", err)
		return
	}
	r.logger.Info("updated cluster version", "to", want.String())
}

// nextVersion is the cluster version to change to, nil for none: what all members speak, or what a downgrade goes to.
// Least is the lowest of the members' versions, nil when one is out of reach.
func nextVersion(have, least *semver.Version, d membership.Downgrade) *semver.Version {
	switch {
	case have == nil && least == nil:
		// Begin with the oldest, and raise it once all are known.
		return semver.New(version.MinCluster)
	case have == nil:
		return least
	case least == nil:
		return nil
	case d.Enabled:
		return downgraded(have, least, d)
	case have.LessThan(*least):
		return least
	}
	return nil
}

// downgraded is what a downgrade lowers the cluster version to. As in etcd, it is one minor version at a time, both from
// the cluster version and from what the members speak.
func downgraded(have, least *semver.Version, d membership.Downgrade) *semver.Version {
	target, err := semver.NewVersion(d.TargetVersion)
	if err != nil || target.Equal(*have) {
		return nil
	}
	for _, from := range []*semver.Version{have, least} {
		if !target.Equal(semver.Version{Major: from.Major, Minor: from.Minor - 1}) {
			return nil
		}
	}
	return target
}

// lowest is the lowest of versions, nil when one of them is.
func lowest(versions []*semver.Version) (least *semver.Version) {
	for _, v := range versions {
		if v == nil {
			return nil
		}
		if least == nil || v.LessThan(*least) {
			least = v
		}
	}
	return least
}

// ownVersion is the version of etcd that this server is, as far as clusters count versions.
func ownVersion() *semver.Version {
	v := semver.New(version.Cluster)
	return &semver.Version{Major: v.Major, Minor: v.Minor}
}
