package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/version"
)

func clusterVersionSet(v string) *membershippb.ClusterVersionSetRequest {
	return &membershippb.ClusterVersionSetRequest{Ver: v}
}

// put writes a key through the wire.
func (h *harness) put(t *testing.T, key, value string) *pb.PutResponse {
	t.Helper()
	resp, err := pb.NewKVClient(h.conn).Put(t.Context(), &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	require.NoError(t, err)
	return resp
}

func TestHeaders(t *testing.T) {
	h := serve(t, nil)
	kv := pb.NewKVClient(h.conn)
	for i, want := range []int64{2, 3, 4} {
		hdr := h.put(t, "k", string(rune('a'+i))).Header
		require.Equal(t, want, hdr.Revision)
		require.Equal(t, []uint64{9, 7, 2}, []uint64{hdr.ClusterId, hdr.MemberId, hdr.RaftTerm})
	}
	resp, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k"), Revision: 2})
	require.NoError(t, err)
	require.Equal(t, "a", string(resp.Kvs[0].Value))
	require.Equal(t, int64(4), resp.Header.Revision, "an old revision is answered under the current one")

	cl, err := pb.NewClusterClient(h.conn).MemberList(t.Context(), &pb.MemberListRequest{})
	require.NoError(t, err)
	require.Zero(t, cl.Header.Revision, "membership has no revision")
}

func TestBarrierOnlyForLinearizable(t *testing.T) {
	h := serve(t, nil)
	kv := pb.NewKVClient(h.conn)
	read := func(serializable bool) int64 {
		before := h.barriers.Load()
		r := &pb.RangeRequest{Key: []byte("k"), Serializable: serializable}
		_, err := kv.Range(t.Context(), r)
		require.NoError(t, err)
		_, err = kv.Txn(t.Context(), &pb.TxnRequest{Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: r}}}})
		require.NoError(t, err)
		s, err := kv.RangeStream(t.Context(), r)
		require.NoError(t, err)
		_, err = s.Recv()
		require.NoError(t, err)
		_, err = pb.NewClusterClient(h.conn).MemberList(t.Context(), &pb.MemberListRequest{Linearizable: !serializable})
		require.NoError(t, err)
		return h.barriers.Load() - before
	}
	require.Equal(t, int64(4), read(false))
	require.Equal(t, int64(0), read(true))
	require.Zero(t, h.Status().AppliedIndex, "a transaction that reads makes no entry")
}

func TestErrorsOverTheWire(t *testing.T) {
	h := serve(t, func(c *config.Config) { c.MaxRequestBytes = 1000 })
	kv, ls, m := pb.NewKVClient(h.conn), pb.NewLeaseClient(h.conn), pb.NewMaintenanceClient(h.conn)
	cl, au := pb.NewClusterClient(h.conn), pb.NewAuthClient(h.conn)
	h.put(t, "k", "v")
	ctx := t.Context()
	k := []byte("k")
	for name, tc := range map[string]struct {
		call func() error
		want error
	}{
		"empty key":       {func() error { _, err := kv.Range(ctx, &pb.RangeRequest{}); return err }, rpctypes.ErrGRPCEmptyKey},
		"future revision": {func() error { _, err := kv.Range(ctx, &pb.RangeRequest{Key: k, Revision: 99}); return err }, rpctypes.ErrGRPCFutureRev},
		"put's lease":     {func() error { _, err := kv.Put(ctx, &pb.PutRequest{Key: k, Lease: 1}); return err }, rpctypes.ErrGRPCLeaseNotFound},
		"ignored value":   {func() error { _, err := kv.Put(ctx, &pb.PutRequest{Key: []byte("x"), IgnoreValue: true}); return err }, rpctypes.ErrGRPCKeyNotFound},
		"compact ahead":   {func() error { _, err := kv.Compact(ctx, &pb.CompactionRequest{Revision: 99}); return err }, rpctypes.ErrGRPCFutureRev},
		"revoke":          {func() error { _, err := ls.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: 3}); return err }, rpctypes.ErrGRPCLeaseNotFound},
		"ttl": {func() error {
			_, err := ls.LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: 3, TTL: 9_000_000_001})
			return err
		}, rpctypes.ErrGRPCLeaseTTLTooLarge},
		"bad URL":      {func() error { _, err := cl.MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: []string{"x"}}); return err }, rpctypes.ErrGRPCMemberBadURLs},
		"no URL":       {func() error { _, err := cl.MemberAdd(ctx, &pb.MemberAddRequest{}); return err }, rpctypes.ErrGRPCMemberBadURLs},
		"no member":    {func() error { _, err := cl.MemberRemove(ctx, &pb.MemberRemoveRequest{ID: 1}); return err }, rpctypes.ErrGRPCMemberNotFound},
		"peer URL":     {func() error { _, err := cl.MemberUpdate(ctx, &pb.MemberUpdateRequest{ID: 1}); return err }, rpctypes.ErrGRPCPeerURLExist},
		"promote":      {func() error { _, err := cl.MemberPromote(ctx, &pb.MemberPromoteRequest{ID: 1}); return err }, rpctypes.ErrGRPCLearnerNotReady},
		"transferee":   {func() error { _, err := m.MoveLeader(ctx, &pb.MoveLeaderRequest{TargetID: 1}); return err }, rpctypes.ErrGRPCBadLeaderTransferee},
		"authenticate": {func() error { _, err := au.Authenticate(ctx, &pb.AuthenticateRequest{Name: "root"}); return err }, rpctypes.ErrGRPCAuthNotEnabled},
		"auth enable":  {func() error { _, err := au.AuthEnable(ctx, &pb.AuthEnableRequest{}); return err }, rpctypes.ErrGRPCRootUserNotExist},
		"no version": {func() error {
			_, err := m.Downgrade(ctx, &pb.DowngradeRequest{Action: pb.DowngradeRequest_ENABLE, Version: "3.6"})
			return err
		}, rpctypes.ErrGRPCClusterVersionUnavailable},
		"downgrade what": {func() error { _, err := m.Downgrade(ctx, &pb.DowngradeRequest{Action: 9}); return err }, errUnknownMethod},
		"hash ahead":     {func() error { _, err := m.HashKV(ctx, &pb.HashKVRequest{Revision: 99}); return err }, rpctypes.ErrGRPCFutureRev},
		"proposal": {func() error {
			err := replica.ErrTimeoutLeaderFail
			h.failNext.Store(&err)
			_, e := kv.Put(ctx, &pb.PutRequest{Key: k})
			return e
		}, rpctypes.ErrGRPCTimeoutDueToLeaderFail},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.call()
			require.Equal(t, status.Convert(tc.want).Code(), status.Code(err), "%v", err)
			require.Equal(t, status.Convert(tc.want).Message(), status.Convert(err).Message())
		})
	}
	_, err := kv.Put(ctx, &pb.PutRequest{Key: k, Value: make([]byte, 1000+requestOverhead)})
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "gRPC's own limit")
	require.ErrorContains(t, err, "received message larger than max")
}

func TestQuotaComesBeforeShape(t *testing.T) {
	h := serve(t, nil)
	h.noQuota.Store(true)
	kv := pb.NewKVClient(h.conn)
	_, err := kv.Put(t.Context(), &pb.PutRequest{})
	require.Equal(t, rpctypes.ErrGRPCNoSpace.Error(), err.Error())
	_, err = pb.NewLeaseClient(h.conn).LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: 1})
	require.Equal(t, rpctypes.ErrGRPCNoSpace.Error(), err.Error())
	_, err = kv.DeleteRange(t.Context(), &pb.DeleteRangeRequest{Key: []byte("k")})
	require.NoError(t, err, "a delete makes room")
}

func TestLearnerServesOnlyLocalReads(t *testing.T) {
	h := serve(t, nil)
	cc, err := membership.AddChange(&membership.Member{ID: 7, RaftAttributes: membership.RaftAttributes{
		PeerURLs: []string{"http://127.0.0.1:1"}, IsLearner: true}})
	require.NoError(t, err)
	effect, err := h.cluster.Check(cc)
	require.NoError(t, err)
	b := h.store.NewBatch()
	require.NoError(t, h.cluster.Make(b, effect))
	require.NoError(t, b.Commit(1, 1))

	kv := pb.NewKVClient(h.conn)
	refused := rpctypes.ErrGRPCNotSupportedForLearner.Error()
	_, err = kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k"), Serializable: true})
	require.NoError(t, err)
	_, err = pb.NewMaintenanceClient(h.conn).Status(t.Context(), &pb.StatusRequest{})
	require.NoError(t, err)
	_, err = kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k")})
	require.EqualError(t, err, refused)
	_, err = kv.Range(t.Context(), &pb.RangeRequest{})
	require.EqualError(t, err, refused, "before any check of the request")
	w, err := pb.NewWatchClient(h.conn).Watch(t.Context())
	require.NoError(t, err)
	_, err = w.Recv()
	require.EqualError(t, err, refused)
	s, err := pb.NewMaintenanceClient(h.conn).Snapshot(t.Context(), &pb.SnapshotRequest{})
	require.NoError(t, err)
	_, err = s.Recv()
	require.NoError(t, err)
}

func TestRequireLeader(t *testing.T) {
	h := serve(t, nil)
	ctx := metadata.AppendToOutgoingContext(t.Context(), rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)
	kv := pb.NewKVClient(h.conn)
	noLeader := rpctypes.ErrGRPCNoLeader.Error()

	watch, err := pb.NewWatchClient(h.conn).Watch(ctx)
	require.NoError(t, err)
	require.NoError(t, watch.Send(createRequest(&pb.WatchCreateRequest{Key: []byte("k")})))
	_, err = watch.Recv()
	require.NoError(t, err)
	alive, err := pb.NewLeaseClient(h.conn).LeaseKeepAlive(ctx)
	require.NoError(t, err)
	require.NoError(t, alive.Send(&pb.LeaseKeepAliveRequest{ID: 5}))
	_, err = alive.Recv()
	require.NoError(t, err)

	h.leader.Store(0)
	_, err = kv.Range(ctx, &pb.RangeRequest{Key: []byte("k"), Serializable: true})
	require.EqualError(t, err, noLeader)
	_, err = kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k"), Serializable: true})
	require.NoError(t, err, "who does not ask for a leader is served")
	_, err = watch.Recv()
	require.EqualError(t, err, noLeader)
	_, err = alive.Recv()
	require.EqualError(t, err, noLeader)
	again, err := pb.NewWatchClient(h.conn).Watch(ctx)
	require.NoError(t, err)
	_, err = again.Recv()
	require.EqualError(t, err, noLeader)
}

func TestClientVersionMustBeText(t *testing.T) {
	h := serve(t, nil)
	// A header cannot carry such bytes; ask the server itself.
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(rpctypes.MetadataClientAPIVersionKey, "\xff"))
	_, err := h.server.guarded(ctx, &pb.StatusRequest{}, "", nil)
	require.Equal(t, rpctypes.ErrGRPCInvalidClientAPIVersion, err)
}

func TestRangeStreamJoinsToTheRange(t *testing.T) {
	h := serve(t, func(c *config.Config) { c.MaxRequestBytes = 4096 })
	value := string(bytes.Repeat([]byte("v"), 1000))
	for i := range 50 {
		h.put(t, "k"+string(rune('a'+i)), value)
	}
	kv := pb.NewKVClient(h.conn)
	for name, r := range map[string]*pb.RangeRequest{
		"all":      {Key: []byte("k"), RangeEnd: []byte("l")},
		"limited":  {Key: []byte("k"), RangeEnd: []byte("l"), Limit: 7},
		"old":      {Key: []byte("k"), RangeEnd: []byte("l"), Revision: 20},
		"count":    {Key: []byte("k"), RangeEnd: []byte("l"), CountOnly: true},
		"keys":     {Key: []byte{0}, RangeEnd: []byte{0}, KeysOnly: true},
		"nothing":  {Key: []byte("z")},
		"negative": {Key: []byte("k"), RangeEnd: []byte("l"), Limit: -1},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := kv.Range(t.Context(), r)
			require.NoError(t, err)
			s, err := kv.RangeStream(t.Context(), r)
			require.NoError(t, err)
			got := &pb.RangeResponse{}
			for {
				part, err := s.Recv()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				require.Nil(t, got.Header, "only the last part has a header")
				got.Kvs = append(got.Kvs, part.RangeResponse.Kvs...)
				got.Header, got.More, got.Count = part.RangeResponse.Header, part.RangeResponse.More, part.RangeResponse.Count
			}
			require.Equal(t, want.String(), got.String())
		})
	}
	s, err := kv.RangeStream(t.Context(), &pb.RangeRequest{Key: []byte("k"), SortOrder: pb.RangeRequest_DESCEND})
	require.NoError(t, err)
	_, err = s.Recv()
	require.EqualError(t, err, "rpc error: code = Unimplemented desc = RangeStream does not support custom sort orders")
}

func TestLeases(t *testing.T) {
	h := serve(t, nil)
	ls := pb.NewLeaseClient(h.conn)
	ttl, err := ls.LeaseTimeToLive(t.Context(), &pb.LeaseTimeToLiveRequest{ID: 5})
	require.NoError(t, err)
	require.Equal(t, int64(10), ttl.TTL)
	require.Equal(t, int64(1), ttl.Header.Revision)
	ttl, err = ls.LeaseTimeToLive(t.Context(), &pb.LeaseTimeToLiveRequest{ID: 99})
	require.NoError(t, err)
	require.Equal(t, int64(-1), ttl.TTL)

	s, err := ls.LeaseKeepAlive(t.Context())
	require.NoError(t, err)
	for id, want := range map[int64]int64{5: 60, 99: 0} {
		require.NoError(t, s.Send(&pb.LeaseKeepAliveRequest{ID: id}))
		resp, err := s.Recv()
		require.NoError(t, err)
		require.Equal(t, want, resp.TTL)
		require.Equal(t, id, resp.ID)
	}
	require.NoError(t, s.Send(&pb.LeaseKeepAliveRequest{ID: 6}))
	_, err = s.Recv()
	require.EqualError(t, err, rpctypes.ErrGRPCNoLeader.Error())

	_, err = ls.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{ID: 8, TTL: 100})
	require.NoError(t, err)
	all, err := ls.LeaseLeases(t.Context(), &pb.LeaseLeasesRequest{})
	require.NoError(t, err)
	require.Equal(t, int64(8), all.Leases[0].ID)
}

func TestStatus(t *testing.T) {
	h := serve(t, nil)
	m := pb.NewMaintenanceClient(h.conn)
	h.put(t, "k", "v")
	st, err := m.Status(t.Context(), &pb.StatusRequest{})
	require.NoError(t, err)
	require.Equal(t, version.Server, st.Version)
	require.Equal(t, []uint64{7, 1, 1, 2}, []uint64{st.Leader, st.RaftIndex, st.RaftAppliedIndex, st.RaftTerm})
	require.Equal(t, int64(2<<30), st.DbSizeQuota)
	require.Positive(t, st.DbSize)
	require.Empty(t, st.Errors)
	require.False(t, st.DowngradeInfo.Enabled)

	h.leader.Store(0)
	_, err = m.Alarm(t.Context(), &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: 7, Alarm: pb.AlarmType_NOSPACE})
	require.NoError(t, err)
	st, err = m.Status(t.Context(), &pb.StatusRequest{})
	require.NoError(t, err)
	require.Len(t, st.Errors, 2)
	require.Equal(t, "etcdserver: no leader", st.Errors[0])
	require.Contains(t, st.Errors[1], "NOSPACE")
	_, err = m.MoveLeader(t.Context(), &pb.MoveLeaderRequest{TargetID: 1})
	require.EqualError(t, err, rpctypes.ErrGRPCNotLeader.Error())
	// An action that does not exist must be survived.
	_, err = m.Alarm(t.Context(), &pb.AlarmRequest{Action: 77, Alarm: 88})
	require.NoError(t, err)
}

func TestDowngradeTarget(t *testing.T) {
	h := serve(t, nil)
	m := pb.NewMaintenanceClient(h.conn)
	validate := func(v string) error {
		_, err := m.Downgrade(t.Context(), &pb.DowngradeRequest{Action: pb.DowngradeRequest_VALIDATE, Version: v})
		return err
	}
	require.EqualError(t, validate("x"), rpctypes.ErrGRPCWrongDowngradeVersionFormat.Error())
	require.EqualError(t, validate("3.6"), rpctypes.ErrGRPCClusterVersionUnavailable.Error())
	h.setVersion(t, "3.7.0")
	require.NoError(t, validate("3.6.1"))
	_, err := m.Downgrade(t.Context(), &pb.DowngradeRequest{Action: pb.DowngradeRequest_ENABLE, Version: "3.6"})
	require.EqualError(t, err, rpctypes.ErrGRPCDowngradeInProcess.Error())
	resp, err := m.Downgrade(t.Context(), &pb.DowngradeRequest{Action: pb.DowngradeRequest_CANCEL})
	require.NoError(t, err, "what is not under way is canceled already")
	require.Equal(t, "3.7", resp.Version)
}

func TestSnapshotEndsWithItsDigest(t *testing.T) {
	h := serve(t, nil)
	for range 20 {
		h.put(t, "k", string(bytes.Repeat([]byte("v"), 10_000)))
	}
	s, err := pb.NewMaintenanceClient(h.conn).Snapshot(t.Context(), &pb.SnapshotRequest{})
	require.NoError(t, err)
	var parts []*pb.SnapshotResponse
	for {
		part, err := s.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Equal(t, version.Storage, part.Version)
		parts = append(parts, part)
	}
	last := parts[len(parts)-1]
	require.Zero(t, last.RemainingBytes)
	require.Len(t, last.Blob, sha256.Size)
	digest := sha256.New()
	left := parts[0].RemainingBytes + uint64(len(parts[0].Blob))
	for _, part := range parts[:len(parts)-1] {
		digest.Write(part.Blob)
		left -= uint64(len(part.Blob))
		require.Equal(t, left, part.RemainingBytes)
	}
	require.Zero(t, left, "the announced size is the archive's")
	require.Equal(t, digest.Sum(nil), last.Blob)
}

func TestHealthService(t *testing.T) {
	h := serve(t, nil)
	resp, err := grpc_health_v1.NewHealthClient(h.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, resp.Status)
}

func TestUnregisteredServicesAreUnimplemented(t *testing.T) {
	h := serve(t, nil)
	err := h.conn.Invoke(t.Context(), "/v4.Nothing/Nothing", &pb.PutRequest{}, &pb.PutResponse{})
	require.Equal(t, codes.Unimplemented, status.Code(err))
}

// counted is a counter's value.
func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	require.NoError(t, c.Write(&m))
	return m.GetCounter().GetValue()
}

// series is how many series a metric has.
func (h *harness) series(t *testing.T, name string) int {
	t.Helper()
	families, err := h.metrics.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return len(f.GetMetric())
		}
	}
	return 0
}

func TestMetrics(t *testing.T) {
	h := serve(t, nil)
	h.put(t, "k", "v")
	_, err := pb.NewKVClient(h.conn).Put(t.Context(), &pb.PutRequest{})
	require.Error(t, err)
	put := func(code string) float64 {
		return counted(t, h.server.metrics.handled.WithLabelValues("unary", "etcdserverpb.KV", "Put", code))
	}
	require.Equal(t, 1.0, put("OK"))
	require.Equal(t, 1.0, put("InvalidArgument"))
	require.Equal(t, 2.0, counted(t, h.server.metrics.started.WithLabelValues("unary", "etcdserverpb.KV", "Put")))
	n := h.series(t, "grpc_server_handled_total")
	require.Zero(t, n%codesMax, "every method has every code from the start")
	require.Positive(t, counted(t, h.server.metrics.receivedBytes))
	require.Positive(t, counted(t, h.server.metrics.sentBytes))

	for i := range 3 * clientVersionsMax {
		h.server.metrics.unaryClients.inc("v" + string(rune('0'+i)))
	}
	n = h.series(t, "etcd_server_client_requests_total")
	require.LessOrEqual(t, n, clientVersionsMax+3, "clients cannot make series without end")
}

func TestStopEndsStreams(t *testing.T) {
	h := serve(t, nil)
	w, err := pb.NewWatchClient(h.conn).Watch(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.Send(createRequest(&pb.WatchCreateRequest{Key: []byte("k")})))
	_, err = w.Recv()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	h.server.Stop(ctx)
	_, err = w.Recv()
	require.Error(t, err)
}
