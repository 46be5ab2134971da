package api

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/membership"
)

// clusterService is etcdserverpb.Cluster.
type clusterService struct {
	*Server
	pb.UnsafeClusterServer
}

// MemberAdd adds a voter or a learner that is not running yet.
func (s *clusterService) MemberAdd(ctx context.Context, r *pb.MemberAddRequest) (*pb.MemberAddResponse, error) {
	urls, err := types.NewURLs(r.PeerURLs)
	if err != nil {
		return nil, rpctypes.ErrGRPCMemberBadURLs
	}
	if err := s.administrator(ctx); err != nil {
		return nil, wire(err)
	}
	m, members, err := s.replica.AddMember(ctx, urls.StringSlice(), r.IsLearner)
	if err != nil {
		return nil, wire(err)
	}
	return &pb.MemberAddResponse{Header: s.clusterHeader(), Member: member(m), Members: memberList(members)}, nil
}

// MemberRemove removes a member for ever.
func (s *clusterService) MemberRemove(ctx context.Context, r *pb.MemberRemoveRequest) (*pb.MemberRemoveResponse, error) {
	members, err := s.replica.RemoveMember(ctx, r.ID)
	if err != nil {
		return nil, wire(err)
	}
	return &pb.MemberRemoveResponse{Header: s.clusterHeader(), Members: memberList(members)}, nil
}

// MemberUpdate gives a member other peer URLs.
func (s *clusterService) MemberUpdate(ctx context.Context, r *pb.MemberUpdateRequest) (*pb.MemberUpdateResponse, error) {
	members, err := s.replica.UpdateMember(ctx, r.ID, r.PeerURLs)
	if err != nil {
		return nil, wire(err)
	}
	return &pb.MemberUpdateResponse{Header: s.clusterHeader(), Members: memberList(members)}, nil
}

// MemberList lists the members, as the cluster or only this member knows them.
func (s *clusterService) MemberList(ctx context.Context, r *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	if r.Linearizable {
		if err := s.replica.ReadBarrier(ctx); err != nil {
			return nil, wire(err)
		}
	}
	return &pb.MemberListResponse{Header: s.clusterHeader(), Members: memberList(s.replica.Cluster().Members())}, nil
}

// MemberPromote makes a learner a voter.
func (s *clusterService) MemberPromote(ctx context.Context, r *pb.MemberPromoteRequest) (*pb.MemberPromoteResponse, error) {
	members, err := s.replica.PromoteMember(ctx, r.ID)
	if err != nil {
		return nil, wire(err)
	}
	return &pb.MemberPromoteResponse{Header: s.clusterHeader(), Members: memberList(members)}, nil
}

// clusterHeader is a header without a revision: membership has none.
func (s *clusterService) clusterHeader() *pb.ResponseHeader {
	h := &pb.ResponseHeader{}
	s.fillIDs(h)
	return h
}

// member is a member in the wire's form.
func member(m *membership.Member) *pb.Member {
	return &pb.Member{
		ID:         m.ID,
		Name:       m.Name,
		PeerURLs:   m.PeerURLs,
		ClientURLs: m.ClientURLs,
		IsLearner:  m.IsLearner,
	}
}

// memberList is members in the wire's form.
func memberList(members []*membership.Member) []*pb.Member {
	list := make([]*pb.Member, len(members))
	for i, m := range members {
		list[i] = member(m)
	}
	return list
}
