package api

import (
	"context"
	"errors"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
)

// submit has a request applied in its caller's name. A login has no caller yet.
// What was refused because users or roles changed on its way was not applied,
// and is submitted again unless the caller's token is bound to the rules
// before.
func (s *Server) submit(ctx context.Context, req *pb.InternalRaftRequest) (*apply.Result, error) {
	if req.Authenticate != nil || !s.replica.Auth().Enabled() {
		return s.replica.Propose(ctx, req)
	}
	var last auth.Caller
	for range tried {
		c, err := s.caller(ctx)
		if err != nil {
			return nil, err
		}
		if last.Revision != 0 && c.Revision <= last.Revision {
			break
		}
		last = c
		req.Header = &pb.RequestHeader{Username: c.Name, AuthRevision: c.Revision}
		res, err := s.replica.Propose(ctx, req)
		if err != nil || !errors.Is(res.Err, auth.ErrOldRevision) {
			return res, err
		}
	}
	return nil, auth.ErrOldRevision
}

// leaseKeys are the keys attached to a lease here.
func (s *Server) leaseKeys(id int64) ([][]byte, error) {
	info, _, err := s.replica.Store().Lease(id)
	return info.Keys, err
}
