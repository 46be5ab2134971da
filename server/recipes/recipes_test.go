package recipes

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// refusing is a store that refuses everything and notes in whose name it was
// asked.
type refusing struct {
	pb.UnimplementedKVServer
	pb.UnimplementedLeaseServer
	pb.UnimplementedWatchServer
	asked chan string
}

func (r *refusing) note(ctx context.Context, what string) {
	token := metadata.ValueFromIncomingContext(ctx, "token")
	if len(token) == 0 {
		token = []string{"nobody"}
	}
	r.asked <- what + " by " + token[0]
}

func (r *refusing) Range(ctx context.Context, _ *pb.RangeRequest) (*pb.RangeResponse, error) {
	r.note(ctx, "range")
	return &pb.RangeResponse{Header: &pb.ResponseHeader{}}, nil
}

func (r *refusing) Txn(ctx context.Context, _ *pb.TxnRequest) (*pb.TxnResponse, error) {
	r.note(ctx, "txn")
	return nil, status.Error(codes.PermissionDenied, "etcdserver: permission denied")
}

func (r *refusing) LeaseGrant(ctx context.Context, _ *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	r.note(ctx, "grant")
	return &pb.LeaseGrantResponse{ID: 5, TTL: 60}, nil
}

func (r *refusing) LeaseKeepAlive(stream grpc.BidiStreamingServer[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse]) error {
	r.note(stream.Context(), "keep-alive")
	for {
		in, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.LeaseKeepAliveResponse{ID: in.ID, TTL: 60}); err != nil {
			return err
		}
	}
}

// store makes a channel to a refusing store.
func store() (*refusing, *Channel) {
	r := &refusing{asked: make(chan string, 100)}
	c := NewChannel(func(context.Context, string) error { return nil })
	pb.RegisterKVServer(c, r)
	pb.RegisterLeaseServer(c, r)
	pb.RegisterWatchServer(c, r)
	return r, c
}

func TestEveryStepIsTheCallers(t *testing.T) {
	r, c := store()
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("token", "alice"))
	_, err := (&lockService{services: c}).Lock(ctx, &v3lockpb.LockRequest{Name: []byte("x")})
	require.ErrorContains(t, err, "permission denied")
	_, err = (&electionService{services: c}).Leader(ctx, &v3electionpb.LeaderRequest{Name: []byte("x")})
	require.ErrorContains(t, err, "election: no leader")
	close(r.asked)
	seen := map[string]bool{}
	for asked := range r.asked {
		require.Contains(t, asked, "by alice")
		seen[asked] = true
	}
	require.True(t, seen["grant by alice"] && seen["txn by alice"] && seen["range by alice"], "%v", seen)
}

// A lease is refused before it is made, and nothing else is asked for.
func TestNotAdmitted(t *testing.T) {
	r, c := store()
	c.admit = func(_ context.Context, method string) error {
		if method == "/etcdserverpb.Lease/LeaseGrant" || method == "/etcdserverpb.Watch/Watch" {
			return status.Error(codes.InvalidArgument, "etcdserver: user name is empty")
		}
		return nil
	}
	_, err := (&lockService{services: c}).Lock(t.Context(), &v3lockpb.LockRequest{Name: []byte("x")})
	require.ErrorContains(t, err, "user name is empty")
	_, err = (&electionService{services: c}).Campaign(t.Context(), &v3electionpb.CampaignRequest{Name: []byte("x")})
	require.ErrorContains(t, err, "user name is empty")
	_, err = pb.NewWatchClient(c).Watch(t.Context())
	require.ErrorContains(t, err, "user name is empty")
	require.Empty(t, r.asked)
}

// Whatever is missing from a request, nothing panics.
func TestEmptyRequests(t *testing.T) {
	_, c := store()
	lock, election := &lockService{services: c}, &electionService{services: c}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := lock.Lock(ctx, nil)
	require.Error(t, err)
	_, err = lock.Unlock(ctx, nil)
	require.Error(t, err)
	_, err = election.Campaign(ctx, nil)
	require.Error(t, err)
	_, err = election.Leader(ctx, nil)
	require.Error(t, err)
	for _, key := range []*v3electionpb.LeaderKey{nil, {}, {Lease: -1}, {Key: []byte("\x00"), Rev: -5}} {
		_, err = election.Proclaim(ctx, &v3electionpb.ProclaimRequest{Leader: key})
		require.Error(t, err)
		_, err = election.Resign(ctx, &v3electionpb.ResignRequest{Leader: key})
		require.Error(t, err)
	}
	_, err = election.Resign(ctx, nil)
	require.ErrorIs(t, err, ErrMissingLeaderKey)
}

func TestChannel(t *testing.T) {
	_, c := store()
	require.Equal(t, codes.Unimplemented, status.Code(c.Invoke(t.Context(), "/no/such", &pb.RangeRequest{}, &pb.RangeResponse{})))
	_, err := c.NewStream(t.Context(), nil, "/no/such")
	require.Equal(t, codes.Unimplemented, status.Code(err))

	lease := pb.NewLeaseClient(c)
	stream, err := lease.LeaseKeepAlive(t.Context())
	require.NoError(t, err)
	for i := range int64(3) {
		require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: i}))
		got, err := stream.Recv()
		require.NoError(t, err)
		require.EqualValues(t, 60, got.TTL)
	}
	require.NoError(t, stream.CloseSend())
	require.NoError(t, stream.CloseSend())
	_, err = stream.Recv()
	require.Equal(t, codes.Unknown, status.Code(err), "the handler ended with the client's io.EOF as its error")

	ctx, cancel := context.WithCancel(t.Context())
	stream, err = lease.LeaseKeepAlive(ctx)
	require.NoError(t, err)
	cancel()
	_, err = stream.Recv()
	require.Equal(t, codes.Canceled, status.Code(err))
	watch, err := pb.NewWatchClient(c).Watch(t.Context())
	require.NoError(t, err)
	_, err = watch.Recv()
	require.Equal(t, codes.Unimplemented, status.Code(err), "the handler's error")
	err = watch.Send(&pb.WatchRequest{})
	require.True(t, errors.Is(err, io.EOF), "%v", err)
}
