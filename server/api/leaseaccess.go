package api

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/storage"
)

// timeToLive tells how long a lease has, and its keys to callers who may read
// all of them (CVE-2023-32082).
func (s *leaseService) timeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	if users := s.replica.Auth(); !r.Keys || !users.Enabled() {
		if resp, err := s.lessor.TimeToLive(ctx, r.ID, r.Keys); !r.Keys || !users.Enabled() {
			return resp, err
		} // it was turned on meanwhile
	}
	return permitted(ctx, s.Server,
		func(v *auth.View, c auth.Caller) error { return apply.CheckLeaseReads(v, c, r.ID, s.leaseKeys) },
		func(v *auth.View, c auth.Caller) (*pb.LeaseTimeToLiveResponse, error) {
			resp, err := s.lessor.TimeToLive(ctx, r.ID, true)
			if err != nil {
				return nil, err
			}
			// Again, for what the leader knew and this member didn't yet.
			told := func(int64) ([][]byte, error) { return resp.Keys, nil }
			return resp, apply.CheckLeaseReads(v, c, r.ID, told)
		})
}

// leases lists the leases to callers who may read all of their keys.
func (s *leaseService) leases(ctx context.Context) ([]storage.LeaseInfo, error) {
	if users := s.replica.Auth(); !users.Enabled() {
		if all := s.replica.Store().Leases(); !users.Enabled() {
			return all, nil
		} // as in timeToLive
	}
	if err := s.known(ctx); err != nil {
		return nil, err
	}
	var all []storage.LeaseInfo
	return permitted(ctx, s.Server, func(v *auth.View, c auth.Caller) error {
		all = s.replica.Store().Leases()
		for _, l := range all {
			if err := apply.CheckLeaseReads(v, c, l.ID, s.leaseKeys); err != nil {
				return err
			}
		}
		return nil
	}, func(*auth.View, auth.Caller) ([]storage.LeaseInfo, error) { return all, nil })
}

// renew renews a lease for callers who may write all of its keys.
func (s *leaseService) renew(ctx context.Context, id int64) (ttl int64, err error) {
	if !s.replica.Auth().Enabled() {
		return s.lessor.KeepAlive(ctx, id)
	}
	if err := s.known(ctx); err != nil {
		return 0, err
	}
	return permitted(ctx, s.Server, func(v *auth.View, c auth.Caller) error {
		if v.MayAdministrate(c) == nil {
			return nil
		}
		// The keys of the lease as of now are what counts.
		if err := s.replica.ReadBarrier(ctx); err != nil {
			return err
		}
		return apply.CheckLeaseWrites(v, c, id, s.leaseKeys)
	}, func(*auth.View, auth.Caller) (int64, error) { return s.lessor.KeepAlive(ctx, id) })
}
