package replica

import (
	"context"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"

	"github.com/petcd/petcd/server/membership"
)

// ValidateDowngrade tells whether the cluster version may be lowered to target: to the minor version below the present one,
// and not while another downgrade is under way.
func (r *Replica) ValidateDowngrade(ctx context.Context, target *semver.Version) error {
	if err := r.ReadBarrier(ctx); err != nil {
		return err
	}
	have := r.cluster.Version()
	switch {
	case have == nil:
		return ErrNoClusterVersion
	case !target.Equal(semver.Version{Major: have.Major, Minor: have.Minor - 1}):
		return ErrBadDowngradeTarget
	case r.cluster.Downgrade().Enabled:
		return ErrDowngradeInProcess
	}
	return nil
}

// EnableDowngrade lowers the cluster version to target; the leader does it at its next look at the members' versions. The
// data has one format whatever the cluster version is, so nothing else changes.
func (r *Replica) EnableDowngrade(ctx context.Context, target *semver.Version) error {
	if err := r.ValidateDowngrade(ctx, target); err != nil {
		return err
	}
	return r.setDowngrade(ctx, &membershippb.DowngradeInfoSetRequest{Enabled: true, Ver: target.String()})
}

// CancelDowngrade ends a downgrade: the cluster version rises again to what all members speak.
func (r *Replica) CancelDowngrade(ctx context.Context) error {
	if err := r.ReadBarrier(ctx); err != nil {
		return err
	}
	if !r.cluster.Downgrade().Enabled {
		return ErrNoDowngrade
	}
	return r.setDowngrade(ctx, &membershippb.DowngradeInfoSetRequest{})
}

func (r *Replica) setDowngrade(ctx context.Context, req *membershippb.DowngradeInfoSetRequest) error {
	res, err := r.Propose(ctx, &pb.InternalRaftRequest{DowngradeInfoSet: req})
	if err != nil {
		return err
	}
	return res.Err
}

// watchDowngrade ends a downgrade, while this member leads, once every member's server is of the target version, until ctx
// ends.
func (r *Replica) watchDowngrade(ctx context.Context) {
	every := r.cfg.Member.DowngradeCheckTime
	for every > 0 && ctx.Err() == nil {
		sleep(ctx, every)
		d := r.cluster.Downgrade()
		if ctx.Err() != nil || !d.Enabled || !r.isLeader() || !r.allAt(ctx, d) {
			continue
		}
		r.logger.Info("the cluster has been downgraded", "cluster-version", d.TargetVersion)
		if err := r.CancelDowngrade(ctx); err != nil && ctx.Err() == nil {
			r.logger.Warn("failed to cancel downgrade", "error", err)
		}
	}
}

// allAt tells whether every member answers, with the version that a downgrade goes to.
func (r *Replica) allAt(ctx context.Context, d membership.Downgrade) bool {
	target, err := semver.NewVersion(d.TargetVersion)
	if err != nil {
		return false
	}
	for _, v := range r.memberVersions(ctx) {
		if v == nil || v.Major != target.Major || v.Minor != target.Minor {
			return false
		}
	}
	return true
}

// memberVersions are all members' versions, without patch levels; nil for one that does not answer.
func (r *Replica) memberVersions(ctx context.Context) (all []*semver.Version) {
	for _, m := range r.cluster.Members() {
		all = append(all, r.memberVersion(ctx, m))
	}
	return all
}

func (r *Replica) memberVersion(ctx context.Context, m *membership.Member) *semver.Version {
	if m.ID == r.cluster.LocalID() {
		return ownVersion()
	}
	tctx, cancel := context.WithTimeout(ctx, askMax)
	defer cancel()
	answer, err := r.peers.version(tctx, m)
	if err != nil {
		return nil
	}
	v, err := semver.NewVersion(answer.Server)
	if err != nil {
		return nil
	}
	return &semver.Version{Major: v.Major, Minor: v.Minor}
}
