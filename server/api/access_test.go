package api

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// open are the methods that answer whoever asks.
var open = map[string]bool{
	"/etcdserverpb.Auth/Authenticate": true, "/etcdserverpb.Auth/AuthStatus": true,
	"/grpc.health.v1.Health/Check": true, "/grpc.health.v1.Health/List": true, "/grpc.health.v1.Health/Watch": true,
}

// TestEveryMethodHasAnAccess finds methods that were registered and not thought of.
func TestEveryMethodHasAnAccess(t *testing.T) {
	h := serve(t, nil)
	for service, info := range h.server.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			require.NotEqual(t, undeclared, accesses["/"+service+"/"+m.Name], "/%s/%s", service, m.Name)
		}
	}
	enableAuth(t, h)
	require.Equal(t, rpctypes.ErrGRPCPermissionDenied, h.server.admit(t.Context(), "/etcdserverpb.KV/New"), "one that is not declared")
}

// TestEveryMethodRefusesNobody calls all methods without a token, so that one which leaves the check to its handler and
// forgets it there shows. Messages are empty but for what would be refused for its shape.
func TestEveryMethodRefusesNobody(t *testing.T) {
	h := serve(t, nil)
	enableAuth(t, h)
	shaped := map[string]any{
		"/etcdserverpb.KV/Range":          &pb.RangeRequest{Key: []byte("k")},
		"/etcdserverpb.KV/RangeStream":    &pb.RangeRequest{Key: []byte("k")},
		"/etcdserverpb.KV/Put":            &pb.PutRequest{Key: []byte("k")},
		"/etcdserverpb.KV/DeleteRange":    &pb.DeleteRangeRequest{Key: []byte("k")},
		"/etcdserverpb.KV/Txn":            &pb.TxnRequest{Compare: []*pb.Compare{{Key: []byte("k")}}},
		"/etcdserverpb.Cluster/MemberAdd": &pb.MemberAddRequest{PeerURLs: []string{"http://127.0.0.1:1"}},
		"/etcdserverpb.Auth/UserGet":      &pb.AuthUserGetRequest{Name: "ann"},
		"/etcdserverpb.Watch/Watch":       createRequest(&pb.WatchCreateRequest{}),
	}
	called := 0
	for service, info := range h.server.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			method := "/" + service + "/" + m.Name
			if open[method] || accesses[method] == byCalls {
				continue
			}
			req := shaped[method]
			if req == nil {
				req = &pb.StatusRequest{} // any empty message
			}
			if method == "/etcdserverpb.Watch/Watch" {
				resp := h.watch(t).ask(req.(*pb.WatchRequest))
				require.True(t, resp.Canceled)
				require.Equal(t, rpctypes.ErrGRPCUserEmpty.Error(), resp.CancelReason)
			} else {
				err := callAny(t.Context(), h, method, m, req)
				require.Equal(t, status.Convert(rpctypes.ErrGRPCUserEmpty).Message(), status.Convert(err).Message(), method)
			}
			called++
		}
	}
	require.GreaterOrEqual(t, called, 40)
}

// callAny calls a method with one message.
func callAny(ctx context.Context, h *harness, method string, m grpc.MethodInfo, req any) error {
	if !m.IsClientStream && !m.IsServerStream {
		return h.conn.Invoke(ctx, method, req, &pb.StatusResponse{})
	}
	stream, err := h.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) { // EOF: it was answered already
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(&pb.StatusResponse{})
}

// enableAuth adds root and ann, who may read a to c, and turns authentication on.
func enableAuth(t *testing.T, h *harness) {
	t.Helper()
	au, ctx := pb.NewAuthClient(h.conn), t.Context()
	for _, call := range []func() error{
		func() error {
			_, err := au.UserAdd(ctx, &pb.AuthUserAddRequest{Name: "root", Password: "rootpw"})
			return err
		},
		func() error {
			_, err := au.UserGrantRole(ctx, &pb.AuthUserGrantRoleRequest{User: "root", Role: "root"})
			return err
		},
		func() error {
			_, err := au.UserAdd(ctx, &pb.AuthUserAddRequest{Name: "ann", Password: "annpw"})
			return err
		},
		func() error { _, err := au.RoleAdd(ctx, &pb.AuthRoleAddRequest{Name: "r"}); return err },
		func() error { return permit(ctx, au, authpb.Permission_READ, "a", "c") },
		func() error {
			_, err := au.UserGrantRole(ctx, &pb.AuthUserGrantRoleRequest{User: "ann", Role: "r"})
			return err
		},
		func() error { _, err := au.AuthEnable(ctx, &pb.AuthEnableRequest{}); return err },
	} {
		require.NoError(t, call())
	}
}

func permit(ctx context.Context, au pb.AuthClient, kind authpb.Permission_Type, key, end string) error {
	_, err := au.RoleGrantPermission(ctx, &pb.AuthRoleGrantPermissionRequest{Name: "r",
		Perm: &authpb.Permission{PermType: kind, Key: []byte(key), RangeEnd: []byte(end)}})
	return err
}

// as is a context with a user's token.
func (h *harness) as(t *testing.T, user, password string) context.Context {
	t.Helper()
	resp, err := pb.NewAuthClient(h.conn).Authenticate(t.Context(), &pb.AuthenticateRequest{Name: user, Password: password})
	require.NoError(t, err)
	return metadata.AppendToOutgoingContext(t.Context(), rpctypes.TokenFieldNameGRPC, resp.Token)
}

func TestAuthenticate(t *testing.T) {
	h := serve(t, nil)
	enableAuth(t, h)
	_, err := pb.NewAuthClient(h.conn).Authenticate(t.Context(), &pb.AuthenticateRequest{Name: "ann", Password: "rootpw"})
	require.Equal(t, rpctypes.ErrGRPCAuthFailed.Error(), err.Error())
	kv := pb.NewKVClient(h.conn)
	ctx := h.as(t, "ann", "annpw")
	_, err = kv.Range(ctx, &pb.RangeRequest{Key: []byte("a")})
	require.NoError(t, err)
	_, err = kv.Range(ctx, &pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte{0}})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	_, err = kv.Put(ctx, &pb.PutRequest{Key: []byte("a")})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	_, err = kv.Range(metadata.AppendToOutgoingContext(t.Context(), "token", "abc.1"), &pb.RangeRequest{Key: []byte("a")})
	require.Equal(t, rpctypes.ErrGRPCInvalidAuthToken.Error(), err.Error())
}

// TestWatchFromKey is CVE-2026-73499: "\x00" as an end is every key, not none.
func TestWatchFromKey(t *testing.T) {
	h := serve(t, nil)
	enableAuth(t, h)
	stream, err := pb.NewWatchClient(h.conn).Watch(h.as(t, "ann", "annpw"))
	require.NoError(t, err)
	w := watcher{t, stream}
	for _, end := range []string{"\x00", "d"} {
		resp := w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte(end)}))
		require.True(t, resp.Canceled, "%q", end)
		require.Equal(t, rpctypes.ErrGRPCPermissionDenied.Error(), resp.CancelReason)
	}
	resp := w.ask(createRequest(&pb.WatchCreateRequest{RangeEnd: []byte{0}}))
	require.True(t, resp.Canceled, "all keys")
	resp = w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte("c")}))
	require.False(t, resp.Canceled)
}

// TestLeaseKeysNeedPermission is CVE-2023-32082.
func TestLeaseKeysNeedPermission(t *testing.T) {
	h := serve(t, nil)
	enableAuth(t, h)
	root, ann := h.as(t, "root", "rootpw"), h.as(t, "ann", "annpw")
	ls, kv := pb.NewLeaseClient(h.conn), pb.NewKVClient(h.conn)
	_, err := ls.LeaseGrant(ann, &pb.LeaseGrantRequest{ID: 5, TTL: 60})
	require.NoError(t, err)
	_, err = kv.Put(root, &pb.PutRequest{Key: []byte("a"), Lease: 5})
	require.NoError(t, err)
	_, err = ls.LeaseTimeToLive(ann, &pb.LeaseTimeToLiveRequest{ID: 5, Keys: true})
	require.NoError(t, err)
	_, err = ls.LeaseLeases(ann, &pb.LeaseLeasesRequest{})
	require.NoError(t, err)
	_, err = kv.Put(root, &pb.PutRequest{Key: []byte("x"), Lease: 5})
	require.NoError(t, err)
	_, err = ls.LeaseTimeToLive(ann, &pb.LeaseTimeToLiveRequest{ID: 5, Keys: true})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	_, err = ls.LeaseTimeToLive(ann, &pb.LeaseTimeToLiveRequest{ID: 5})
	require.NoError(t, err, "without its keys")
	_, err = ls.LeaseLeases(ann, &pb.LeaseLeasesRequest{})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	_, err = ls.LeaseRevoke(ann, &pb.LeaseRevokeRequest{ID: 5})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	for ctx, want := range map[context.Context]codes.Code{ann: codes.PermissionDenied, root: codes.OK} {
		stream, err := ls.LeaseKeepAlive(ctx)
		require.NoError(t, err)
		require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: 5}))
		_, err = stream.Recv()
		require.Equal(t, want, status.Code(err))
	}
}
