package api

import (
	"context"
	"errors"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/lessor"
)

// leaseService is etcdserverpb.Lease.
type leaseService struct {
	*Server
	pb.UnsafeLeaseServer
}

// LeaseGrant makes a lease.
func (s *leaseService) LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	req := &pb.InternalRaftRequest{LeaseGrant: r}
	if err := s.replica.CheckQuota(ctx, req); err != nil {
		return nil, wire(err)
	}
	return propose[*pb.LeaseGrantResponse](ctx, s.Server, req, s.metrics.requests.leaseGrant)
}

// LeaseRevoke ends a lease and deletes its keys.
func (s *leaseService) LeaseRevoke(ctx context.Context, r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	return propose[*pb.LeaseRevokeResponse](ctx, s.Server, &pb.InternalRaftRequest{LeaseRevoke: r}, s.metrics.requests.leaseRevoke)
}

// LeaseTimeToLive tells how long a lease has. An unknown one has -1 seconds.
func (s *leaseService) LeaseTimeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	resp, err := s.timeToLive(ctx, r)
	switch {
	case errors.Is(err, lessor.ErrNotFound):
		resp = &pb.LeaseTimeToLiveResponse{ID: r.ID, TTL: -1}
	case err != nil:
		return nil, wire(err)
	}
	if resp.Header == nil {
		resp.Header = &pb.ResponseHeader{}
	}
	s.fill(resp.Header)
	return resp, nil
}

// LeaseLeases lists the leases this member knows of.
func (s *leaseService) LeaseLeases(ctx context.Context, _ *pb.LeaseLeasesRequest) (*pb.LeaseLeasesResponse, error) {
	leases, err := s.leases(ctx)
	if err != nil {
		return nil, wire(err)
	}
	resp := &pb.LeaseLeasesResponse{Header: s.header(), Leases: make([]*pb.LeaseStatus, len(leases))}
	for i, l := range leases {
		resp.Leases[i] = &pb.LeaseStatus{ID: l.ID}
	}
	return resp, nil
}

// LeaseKeepAlive renews leases as long as the stream lasts. A lease that is
// gone is answered with a TTL of 0. The receiver is a goroutine of its own so
// that a stream whose leader was lost ends at once.
func (s *leaseService) LeaseKeepAlive(stream pb.Lease_LeaseKeepAliveServer) error {
	done := make(chan error, 1)
	go func() { done <- s.keepAlive(stream) }()
	select {
	case err := <-done:
		return err
	case <-stream.Context().Done():
		return context.Cause(stream.Context())
	}
}

// keepAlive answers one request after the other.
func (s *leaseService) keepAlive(stream pb.Lease_LeaseKeepAliveServer) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.streamFailed(stream.Context(), err, s.metrics.leaseReceiveFailures, "failed to receive lease keepalive request from gRPC stream")
			return err
		}
		// The header comes first: its revision must not be newer than the
		// renewal, or a client could see a lease alive after its end.
		resp := &pb.LeaseKeepAliveResponse{Header: s.header(), ID: r.ID}
		ttl, err := s.renew(stream.Context(), r.ID)
		switch {
		case errors.Is(err, lessor.ErrNotFound):
			ttl = 0
		case err != nil:
			return wire(err)
		}
		resp.TTL = ttl
		if err := stream.Send(resp); err != nil {
			s.streamFailed(stream.Context(), err, s.metrics.leaseSendFailures, "failed to send lease keepalive response to gRPC stream")
			return err
		}
	}
}
