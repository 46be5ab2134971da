package conformance

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// maintenanceCases: what operators and dashboards ask of a healthy member.
func maintenanceCases(s *suite) {
	status := func(t *testing.T, e *env) *pb.StatusResponse {
		t.Helper()
		resp, err := e.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		return resp
	}
	s.run("status_version", func(t *testing.T, e *env) {
		// kube-apiserver parses it; build metadata may follow.
		require.Regexp(t, regexp.MustCompile(`^3\.\d+\.\d+(\+[0-9A-Za-z.-]+)?$`), status(t, e).Version)
	})
	s.run("status_raft", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := status(t, e)
		require.Equal(t, resp.Header.MemberId, resp.Leader, "the only member leads")
		require.Equal(t, resp.Header.RaftTerm, resp.RaftTerm)
		require.NotZero(t, resp.RaftTerm)
		require.NotZero(t, resp.RaftIndex)
		require.NotZero(t, resp.RaftAppliedIndex)
		require.LessOrEqual(t, resp.RaftAppliedIndex, resp.RaftIndex)
		require.False(t, resp.IsLearner)
		require.Empty(t, resp.Errors)
	})
	s.run("status_index_grows", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		before := status(t, e)
		e.put(t, "a", "2")
		require.Greater(t, status(t, e).RaftAppliedIndex, before.RaftAppliedIndex)
	})
	s.run("status_sizes", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		e.until(t, "the write to be counted", func() bool {
			resp := status(t, e)
			require.Positive(t, resp.DbSize)
			require.LessOrEqual(t, resp.DbSizeInUse, resp.DbSize)
			return resp.DbSizeInUse > 0
		})
	})
	s.run("status_newer_fields", func(t *testing.T, e *env) {
		needs(t, e, moreStatusFields)
		resp := status(t, e)
		require.EqualValues(t, 2<<30, resp.DbSizeQuota)
		require.NotEmpty(t, resp.StorageVersion)
		require.NotNil(t, resp.DowngradeInfo)
		require.False(t, resp.DowngradeInfo.Enabled)
	})
	s.run("status_revision_in_header", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "1")
		require.GreaterOrEqual(t, status(t, e).Header.Revision, rev)
	})
	s.run("defragment", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		_, err := e.maint.Defragment(e.ctx, &pb.DefragmentRequest{})
		require.NoError(t, err)
		require.Equal(t, "1", string(e.get(t, "a").Value))
	})
	s.run("hash_of_everything", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp, err := e.maint.Hash(e.ctx, &pb.HashRequest{})
		require.NoError(t, err)
		require.NotZero(t, resp.Hash)
		require.NotZero(t, resp.Header.Revision)
	})
	s.run("hash_kv_future_revision", func(t *testing.T, e *env) {
		_, err := e.maint.HashKV(e.ctx, &pb.HashKVRequest{Revision: 1 << 40})
		requireStatus(t, rpctypes.ErrGRPCFutureRev, err)
	})
	s.run("move_leader_to_unknown", func(t *testing.T, e *env) {
		_, err := e.maint.MoveLeader(e.ctx, &pb.MoveLeaderRequest{TargetID: 4711})
		requireStatus(t, rpctypes.ErrGRPCBadLeaderTransferee, err)
	})
	s.run("move_leader_to_zero", func(t *testing.T, e *env) {
		_, err := e.maint.MoveLeader(e.ctx, &pb.MoveLeaderRequest{})
		requireStatus(t, rpctypes.ErrGRPCBadLeaderTransferee, err)
	})
	s.run("move_leader_to_itself", func(t *testing.T, e *env) {
		_, err := e.maint.MoveLeader(e.ctx, &pb.MoveLeaderRequest{TargetID: status(t, e).Leader})
		require.NoError(t, err)
	})
	s.run("snapshot_ends_with_its_checksum", func(t *testing.T, e *env) {
		e.put(t, "a", string(bytes.Repeat([]byte("x"), 200_000)))
		stream, err := e.maint.Snapshot(e.ctx, &pb.SnapshotRequest{})
		require.NoError(t, err)
		var all []byte
		var last *pb.SnapshotResponse
		for {
			resp, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if last != nil {
				require.LessOrEqual(t, resp.RemainingBytes, last.RemainingBytes)
			}
			if e.target.has(snapshotVersion) {
				require.NotEmpty(t, resp.Version)
			}
			all, last = append(all, resp.Blob...), resp
		}
		require.Zero(t, last.RemainingBytes)
		body, sum := all[:len(all)-sha256.Size], all[len(all)-sha256.Size:]
		require.NotEmpty(t, body)
		want := sha256.Sum256(body)
		require.Equal(t, want[:], sum)
	})
	s.run("snapshot_by_the_client", func(t *testing.T, e *env) {
		r, err := e.client.Snapshot(e.ctx)
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, r)
		require.NoError(t, err)
		require.Greater(t, n, int64(sha256.Size))
		require.NoError(t, r.Close())
	})
	s.run("health_of_the_server", func(t *testing.T, e *env) {
		resp, err := healthpb.NewHealthClient(e.conn).Check(e.ctx, &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		require.Equal(t, healthpb.HealthCheckResponse_SERVING, resp.Status)
	})
	s.run("health_watch", func(t *testing.T, e *env) {
		stream, err := healthpb.NewHealthClient(e.conn).Watch(e.ctx, &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		resp, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, healthpb.HealthCheckResponse_SERVING, resp.Status)
	})
	s.run("member_list_of_one", func(t *testing.T, e *env) {
		for _, linearizable := range []bool{false, true} {
			resp, err := e.admin.MemberList(e.ctx, &pb.MemberListRequest{Linearizable: linearizable})
			require.NoError(t, err)
			require.Len(t, resp.Members, 1)
			m := resp.Members[0]
			require.Equal(t, resp.Header.MemberId, m.ID)
			require.Equal(t, "m0", m.Name)
			require.Equal(t, []string{e.cluster.Member(0).PeerURL}, m.PeerURLs)
			require.Equal(t, []string{e.cluster.Member(0).ClientURL}, m.ClientURLs)
			require.False(t, m.IsLearner)
		}
	})
	s.run("alarm_list_is_empty", func(t *testing.T, e *env) {
		for _, kind := range []pb.AlarmType{pb.AlarmType_NONE, pb.AlarmType_NOSPACE, pb.AlarmType_CORRUPT} {
			resp, err := e.maint.Alarm(e.ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_GET, Alarm: kind})
			require.NoError(t, err)
			require.Empty(t, resp.Alarms)
			if e.target.has(alarmHeader) {
				require.NotNil(t, resp.Header)
			}
		}
	})
}
