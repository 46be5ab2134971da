package recipes

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
)

// noLease is the lease of a session that only reads. No client has it but one
// that asked for this very id.
const noLease = -1

// electionService is v3electionpb.Election.
type electionService struct {
	v3electionpb.UnsafeElectionServer
	services *Channel
}

// Campaign waits until the caller leads.
func (s *electionService) Campaign(ctx context.Context, r *v3electionpb.CampaignRequest) (*v3electionpb.CampaignResponse, error) {
	c := newClient(ctx, s.services)
	defer c.end()
	session, err := c.session(ctx, r.GetLease())
	if err != nil {
		return nil, err
	}
	e := concurrency.NewElection(session, string(r.GetName()))
	if err := e.Campaign(ctx, string(r.GetValue())); err != nil {
		return nil, err
	}
	return &v3electionpb.CampaignResponse{Header: e.Header(), Leader: &v3electionpb.LeaderKey{
		Name: r.GetName(), Key: []byte(e.Key()), Rev: e.Rev(), Lease: int64(session.Lease()),
	}}, nil
}

// Proclaim changes the leader's value if it still leads.
func (s *electionService) Proclaim(ctx context.Context, r *v3electionpb.ProclaimRequest) (*v3electionpb.ProclaimResponse, error) {
	c := newClient(ctx, s.services)
	defer c.end()
	e, err := c.resume(ctx, r.GetLeader())
	if err != nil {
		return nil, err
	}
	if err := e.Proclaim(ctx, string(r.GetValue())); err != nil {
		return nil, err
	}
	return &v3electionpb.ProclaimResponse{Header: e.Header()}, nil
}

// Resign gives the leadership up. One that had ended already leaves the header
// empty, as etcd's.
func (s *electionService) Resign(ctx context.Context, r *v3electionpb.ResignRequest) (*v3electionpb.ResignResponse, error) {
	c := newClient(ctx, s.services)
	defer c.end()
	e, err := c.resume(ctx, r.GetLeader())
	if err != nil {
		return nil, err
	}
	if err := e.Resign(ctx); err != nil {
		return nil, err
	}
	return &v3electionpb.ResignResponse{Header: e.Header()}, nil
}

// resume is the election that a leader key is about.
func (c callerClient) resume(ctx context.Context, k *v3electionpb.LeaderKey) (*concurrency.Election, error) {
	if k == nil {
		return nil, ErrMissingLeaderKey
	}
	session, err := c.session(ctx, k.GetLease())
	if err != nil {
		return nil, err
	}
	return concurrency.ResumeElection(session, string(k.GetName()), string(k.GetKey()), k.GetRev()), nil
}

// Leader reads who leads.
func (s *electionService) Leader(ctx context.Context, r *v3electionpb.LeaderRequest) (*v3electionpb.LeaderResponse, error) {
	c := newClient(ctx, s.services)
	defer c.end()
	session, err := c.session(ctx, noLease)
	if err != nil {
		return nil, err
	}
	resp, err := concurrency.NewElection(session, string(r.GetName())).Leader(ctx)
	if err != nil {
		return nil, err
	}
	return leaderResponse(resp), nil
}

// Observe sends the proclamation there is and those that follow.
func (s *electionService) Observe(r *v3electionpb.LeaderRequest, stream grpc.ServerStreamingServer[v3electionpb.LeaderResponse]) error {
	ctx := stream.Context()
	c := newClient(ctx, s.services)
	defer c.end()
	session, err := c.session(ctx, noLease)
	if err != nil {
		return err
	}
	for resp := range concurrency.NewElection(session, string(r.GetName())).Observe(ctx) {
		if err := stream.Send(leaderResponse(resp)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// leaderResponse is the recipe's answer as the service gives it: the one key.
func leaderResponse(r *clientv3.GetResponse) *v3electionpb.LeaderResponse {
	resp := &v3electionpb.LeaderResponse{Header: r.Header}
	if len(r.Kvs) > 0 {
		resp.Kv = r.Kvs[0]
	}
	return resp
}
