package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/petcd/petcd/server/replica"
)

// Downgrade asks whether the cluster version can be lowered, lowers it, or
// takes that back. Canceling what is not under way is no error, as in etcd.
func (s *maintenanceService) Downgrade(ctx context.Context, r *pb.DowngradeRequest) (*pb.DowngradeResponse, error) {
	var err error
	switch r.Action {
	case pb.DowngradeRequest_VALIDATE:
		err = s.downgrade(ctx, r.Version, s.replica.ValidateDowngrade)
	case pb.DowngradeRequest_ENABLE:
		err = s.downgrade(ctx, r.Version, s.replica.EnableDowngrade)
	case pb.DowngradeRequest_CANCEL:
		if err = s.replica.CancelDowngrade(ctx); errors.Is(err, replica.ErrNoDowngrade) {
			s.logger.Warn("failed to cancel downgrade", "error", err)
			err = nil
		}
	default:
		return nil, errUnknownMethod
	}
	if err != nil {
		s.logger.Warn("reject downgrade request", "error", err)
		return nil, wire(err)
	}
	resp := &pb.DowngradeResponse{Header: s.header()}
	if v := s.replica.Cluster().Version(); v != nil {
		resp.Version = minor(v)
	}
	return resp, nil
}

// downgrade calls do with the cluster version that text names.
func (s *maintenanceService) downgrade(ctx context.Context, text string, do func(context.Context, *semver.Version) error) error {
	target, err := clusterVersion(text)
	if err != nil {
		return rpctypes.ErrGRPCWrongDowngradeVersionFormat
	}
	if s.replica.Cluster().Version() == nil {
		return rpctypes.ErrGRPCClusterVersionUnavailable
	}
	return do(ctx, target)
}

// downgradeInfo is the part of Status that tells of a downgrade.
func (s *maintenanceService) downgradeInfo() *pb.DowngradeInfo {
	d := s.replica.Cluster().Downgrade()
	return &pb.DowngradeInfo{Enabled: d.Enabled, TargetVersion: d.TargetVersion}
}

// clusterVersion reads "3.6" or "3.6.1" as the cluster version 3.6.0.
func clusterVersion(text string) (*semver.Version, error) {
	v, err := semver.NewVersion(text)
	if err != nil {
		if v, err = semver.NewVersion(text + ".0"); err != nil {
			return nil, err
		}
	}
	return &semver.Version{Major: v.Major, Minor: v.Minor}, nil
}

// minor is a version as clusters name it: without its patch level.
func minor(v *semver.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }
