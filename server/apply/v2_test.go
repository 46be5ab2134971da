package apply_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// v2 applies a request of API 2.
func (m *machine) v2(r *v2pb.Request) *apply.Result {
	m.t.Helper()
	b := m.store.NewBatch()
	res, err := m.applier.ApplyV2(b, r)
	require.NoError(m.t, err)
	m.index++
	require.NoError(m.t, b.Commit(m.index, 1))
	return res
}

func TestV2RequestsChooseTheChange(t *testing.T) {
	is, not := proto.Bool(true), proto.Bool(false)
	for _, c := range []struct {
		name string
		req  *v2pb.Request
		want v2store.Action
		code v2store.Code
	}{
		{"put", &v2pb.Request{Method: "PUT"}, v2store.Set, 0},
		{"put that must exist", &v2pb.Request{Method: "PUT", PrevExist: is}, v2store.Update, 0},
		{"put that must not exist", &v2pb.Request{Method: "PUT", PrevExist: not}, "", v2store.CodeNodeExists},
		{"put that compares", &v2pb.Request{Method: "PUT", PrevValue: "old"}, v2store.CompareAndSwap, 0},
		{"put that must exist and compares", &v2pb.Request{Method: "PUT", PrevExist: is, PrevIndex: 1}, v2store.CompareAndSwap, 0},
		{"put that must not exist and compares", &v2pb.Request{Method: "PUT", PrevExist: not, PrevIndex: 1}, "", v2store.CodeNodeExists},
		{"put that compares in vain", &v2pb.Request{Method: "PUT", PrevIndex: 7}, "", v2store.CodeTestFailed},
		{"delete", &v2pb.Request{Method: "DELETE"}, v2store.Delete, 0},
		{"delete that compares", &v2pb.Request{Method: "DELETE", PrevValue: "old"}, v2store.CompareAndDelete, 0},
		{"post under a file", &v2pb.Request{Method: "POST"}, "", v2store.CodeNotDir},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			require.NoError(t, m.v2(&v2pb.Request{Method: "PUT", Path: "/1/a", Val: "old"}).Err)
			c.req.Path, c.req.Val = "/1/a", "new"
			res := m.v2(c.req)
			if c.code != 0 {
				var refused *v2store.Error
				require.ErrorAs(t, res.Err, &refused)
				require.Equal(t, c.code, refused.Code)
				require.EqualValues(t, 1, m.store.V2Index(), "a refusal changed something")
				return
			}
			require.NoError(t, res.Err)
			require.Equal(t, c.want, res.Event.Action)
			require.EqualValues(t, 2, m.store.V2Index())
		})
	}
}

func TestV2PostMakesKeysInOrder(t *testing.T) {
	m := newMachine(t)
	first := m.v2(&v2pb.Request{Method: "POST", Path: "/1/queue", Val: "x", Refresh: proto.Bool(true)})
	require.NoError(t, first.Err)
	require.Equal(t, "/1/queue/00000000000000000001", first.Event.Node.Key)
	require.False(t, first.Event.Refresh, "nobody refreshes what is new")
	second := m.v2(&v2pb.Request{Method: "POST", Path: "/1/queue"})
	require.Equal(t, "/1/queue/00000000000000000002", second.Event.Node.Key)
}

// TestV2SyncEndsABoundedNumber has more nodes due than one entry ends.
func TestV2SyncEndsABoundedNumber(t *testing.T) {
	m := newMachine(t)
	due := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	b := m.store.NewBatch()
	for range apply.V2ExpireMax + 1 {
		res, err := m.applier.ApplyV2(b, &v2pb.Request{Method: "POST", Path: "/1/queue", Expiration: due, Time: due - 1})
		require.NoError(t, err)
		require.NoError(t, res.Err)
	}
	m.index++
	require.NoError(t, b.Commit(m.index, 1))
	require.NoError(t, m.v2(&v2pb.Request{Method: "SYNC", Time: due - 1}).Err)
	require.Zero(t, m.store.V2Stats().ExpireCount)
	require.NoError(t, m.v2(&v2pb.Request{Method: "SYNC", Time: due}).Err)
	require.EqualValues(t, apply.V2ExpireMax, m.store.V2Stats().ExpireCount)
	require.NoError(t, m.v2(&v2pb.Request{Method: "SYNC", Time: due}).Err)
	require.EqualValues(t, apply.V2ExpireMax+1, m.store.V2Stats().ExpireCount)
	_, ok, err := m.store.V2NextExpiry()
	require.NoError(t, err)
	require.False(t, ok)
}

// TestV2IgnoresAlarms: quota and alarms are those of API 3's keys.
func TestV2IgnoresAlarms(t *testing.T) {
	m := newMachine(t)
	m.full = true
	for _, kind := range []pb.AlarmType{pb.AlarmType_NOSPACE, pb.AlarmType_CORRUPT} {
		m.apply(&pb.InternalRaftRequest{Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: 2, Alarm: kind}})
		require.NoError(t, m.v2(&v2pb.Request{Method: "PUT", Path: "/1/a", Val: kind.String()}).Err)
	}
}

func TestV2OddEntriesChangeNothing(t *testing.T) {
	m := newMachine(t)
	require.ErrorIs(t, m.v2(&v2pb.Request{Method: "PATCH", Path: "/1/a"}).Err, apply.ErrUnknownRequest)
	require.NoError(t, m.v2(&v2pb.Request{Method: "QGET", Path: "/1/a"}).Err)
	require.Zero(t, m.store.V2Index())
}
