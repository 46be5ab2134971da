package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (e *env) alarm(t *testing.T, r *pb.AlarmRequest) []*pb.AlarmMember {
	t.Helper()
	resp, err := e.maint.Alarm(e.ctx, r)
	require.NoError(t, err)
	return resp.Alarms
}

// alarmCases: raising and clearing alarms by hand, and what a NOSPACE alarm
// forbids.
func alarmCases(s *suite) {
	self := func(t *testing.T, e *env) uint64 {
		t.Helper()
		resp, err := e.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		return resp.Header.MemberId
	}
	raise := func(t *testing.T, e *env, kind pb.AlarmType) {
		t.Helper()
		r := &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: self(t, e), Alarm: kind}
		require.Len(t, e.alarm(t, r), 1)
		t.Cleanup(func() {
			e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: r.MemberID, Alarm: kind})
		})
	}
	s.run("raise_list_clear", func(t *testing.T, e *env) {
		id := self(t, e)
		raised := e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: id, Alarm: pb.AlarmType_NOSPACE})
		require.Len(t, raised, 1)
		require.Equal(t, id, raised[0].MemberID)
		require.Equal(t, pb.AlarmType_NOSPACE, raised[0].Alarm)

		require.Len(t, e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET}), 1)
		require.Len(t, e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET, Alarm: pb.AlarmType_NOSPACE}), 1)
		require.Empty(t, e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET, Alarm: pb.AlarmType_CORRUPT}))

		cleared := e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: id, Alarm: pb.AlarmType_NOSPACE})
		require.Len(t, cleared, 1)
		require.Empty(t, e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET}))
	})
	s.run("clear_of_none_is_empty", func(t *testing.T, e *env) {
		require.Empty(t, e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: 1, Alarm: pb.AlarmType_NOSPACE}))
	})
	s.run("raise_twice_is_once", func(t *testing.T, e *env) {
		raise(t, e, pb.AlarmType_NOSPACE)
		require.Len(t, e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: self(t, e), Alarm: pb.AlarmType_NOSPACE}), 1)
		require.Len(t, e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET}), 1)
	})
	s.run("status_names_it", func(t *testing.T, e *env) {
		raise(t, e, pb.AlarmType_NOSPACE)
		resp, err := e.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		require.Len(t, resp.Errors, 1)
		require.Contains(t, resp.Errors[0], "NOSPACE")
		require.Contains(t, resp.Errors[0], fmt.Sprint(resp.Header.MemberId))
	})
	s.run("health_page_fails", func(t *testing.T, e *env) {
		raise(t, e, pb.AlarmType_NOSPACE)
		code, body, err := e.cluster.Member(0).Get(e.ctx, "/health")
		require.NoError(t, err)
		require.Equal(t, 503, code)
		require.Contains(t, body, `"health":"false"`)
		code, _, err = e.cluster.Member(0).Get(e.ctx, "/health?exclude=NOSPACE")
		require.NoError(t, err)
		require.Equal(t, 200, code)
	})
	for _, c := range []struct {
		name string
		do   func(t *testing.T, e *env) error
		want error
	}{
		{"put", func(t *testing.T, e *env) error {
			_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("b")})
			return err
		}, rpctypes.ErrGRPCNoSpace},
		{"txn_put", func(t *testing.T, e *env) error {
			_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(opPut(e.key("b"), "1"))})
			return err
		}, rpctypes.ErrGRPCNoSpace},
		{"grant", func(t *testing.T, e *env) error {
			_, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{TTL: 100})
			return err
		}, rpctypes.ErrGRPCNoSpace},
		{"range", func(t *testing.T, e *env) error {
			_, err := e.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("a")})
			return err
		}, nil},
		{"delete", func(t *testing.T, e *env) error {
			_, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: e.key("a")})
			return err
		}, nil},
		{"txn_delete", func(t *testing.T, e *env) error {
			_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(wrapDelete(&pb.DeleteRangeRequest{Key: e.key("a")}))})
			return err
		}, nil},
		{"txn_range", func(t *testing.T, e *env) error {
			_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(wrapRange(&pb.RangeRequest{Key: e.key("a")}))})
			return err
		}, nil},
		{"compact", func(t *testing.T, e *env) error {
			rev := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a")}).Header.Revision
			_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
			return err
		}, nil},
		{"defragment", func(t *testing.T, e *env) error {
			_, err := e.maint.Defragment(e.ctx, &pb.DefragmentRequest{})
			return err
		}, nil},
	} {
		s.run("nospace_"+c.name, func(t *testing.T, e *env) {
			e.put(t, "a", "1")
			raise(t, e, pb.AlarmType_NOSPACE)
			err := c.do(t, e)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			requireStatus(t, c.want, err)
		})
	}
	s.run("nospace_revoke_is_allowed", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		raise(t, e, pb.AlarmType_NOSPACE)
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
	})
	s.run("corrupt_forbids_writes", func(t *testing.T, e *env) {
		raise(t, e, pb.AlarmType_CORRUPT)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a")})
		requireStatus(t, rpctypes.ErrGRPCCorrupt, err)
	})
}

// quotaCases run on a server with a quota of 16 MiB.
func quotaCases(s *suite) {
	s.run("writes_stop_at_the_quota", func(t *testing.T, e *env) {
		var value []byte
		var err error
		for i := 0; err == nil && i < 200; i++ {
			value = noise(value, 500_000, i)
			_, err = e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key(fmt.Sprint(i)), Value: value})
		}
		requireStatus(t, rpctypes.ErrGRPCNoSpace, err)
		e.until(t, "the alarm", func() bool { return len(e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET})) == 1 })
		alarms := e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET})
		require.Equal(t, pb.AlarmType_NOSPACE, alarms[0].Alarm)
	})
	s.run("reads_and_deletes_go_on", func(t *testing.T, e *env) {
		resp, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
		require.NoError(t, err)
		require.Positive(t, resp.Deleted)
	})
	s.run("writes_come_back_after_clearing", func(t *testing.T, e *env) {
		// What an operator does: compact, defragment, disarm.
		rev := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a")}).Header.Revision
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
		require.NoError(t, err)
		e.until(t, "space to be back", func() bool {
			_, err := e.maint.Defragment(e.ctx, &pb.DefragmentRequest{})
			require.NoError(t, err)
			for _, a := range e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_GET}) {
				e.alarm(t, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: a.MemberID, Alarm: a.Alarm})
			}
			_, err = e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte("1")})
			if err != nil {
				require.Equal(t, codes.ResourceExhausted, status.Code(err))
			}
			return err == nil
		})
	})
}

// noise fills a value that no compression makes smaller, so that sizes on disk
// are what was written.
func noise(buf []byte, size, seed int) []byte {
	out := buf[:0]
	x := uint64(seed)*0x9e3779b97f4a7c15 + 1
	for len(out) < size {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out = append(out, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56))
	}
	return out
}
