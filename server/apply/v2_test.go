package apply_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

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
	is, not := new(true), new(false)
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
	first := m.v2(&v2pb.Request{Method: "POST", Path: "/1/queue", Val: "x", Refresh: new(true)})
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

// TestV2NoSpace refuses under the alarm what needs room, and nothing else; the alarm about damage is API 3's alone.
func TestV2NoSpace(t *testing.T) {
	m := newMachine(t)
	due := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	raise := func(kind pb.AlarmType) {
		m.apply(&pb.InternalRaftRequest{Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: 2, Alarm: kind}})
	}
	raise(pb.AlarmType_CORRUPT)
	for _, path := range []string{"/1/a", "/1/b", "/1/c"} {
		require.NoError(t, m.v2(&v2pb.Request{Method: "PUT", Path: path, Val: "x", Expiration: due}).Err)
	}
	raise(pb.AlarmType_NOSPACE)
	for name, r := range map[string]*v2pb.Request{
		"set":            {Method: "PUT", Path: "/1/a"},
		"create":         {Method: "PUT", Path: "/1/new", PrevExist: new(false), Refresh: new(true)},
		"create unique":  {Method: "POST", Path: "/1/new", Refresh: new(true)},
		"update":         {Method: "PUT", Path: "/1/a", PrevExist: new(true)},
		"compareAndSwap": {Method: "PUT", Path: "/1/a", PrevValue: "x"},
	} {
		require.ErrorIs(t, m.v2(r).Err, apply.ErrNoSpace, name)
	}
	require.EqualValues(t, 3, m.store.V2Index())
	for name, r := range map[string]*v2pb.Request{
		"refresh":          {Method: "PUT", Path: "/1/a", PrevExist: new(true), Refresh: new(true), Expiration: due},
		"delete":           {Method: "DELETE", Path: "/1/b"},
		"compareAndDelete": {Method: "DELETE", Path: "/1/c", PrevValue: "x"},
		"user":             {Method: "PUT", Path: "/2/users/a", Val: "{}"},
	} {
		require.NoError(t, m.v2(r).Err, name)
	}
	require.NoError(t, m.v2(&v2pb.Request{Method: "SYNC", Time: due}).Err)
	require.EqualValues(t, 1, m.store.V2Stats().ExpireCount)
}

// TestV2QuotaAnswersNoSpaceButWrites: as for API 3, what one member has no room for others may have, and all hold the same.
func TestV2QuotaAnswersNoSpaceButWrites(t *testing.T) {
	m := newMachine(t)
	m.full = true
	require.ErrorIs(t, m.v2(&v2pb.Request{Method: "PUT", Path: "/1/a"}).Err, apply.ErrNoSpace)
	require.EqualValues(t, 1, m.store.V2Index())
	require.NoError(t, m.v2(&v2pb.Request{Method: "DELETE", Path: "/1/a"}).Err)
}

func TestV2CostCountsEachDirectory(t *testing.T) {
	cost := func(path string) int64 { return apply.V2Cost(&v2pb.Request{Method: "PUT", Path: path, Val: "123"}) }
	require.EqualValues(t, len("/1")+len("/1/a"), apply.V2DirectoryBytes("/1/a/b"))
	require.EqualValues(t, len("/1")+len("/1/a")+len("/1/a/b")-len("/1"), cost("/1/a/b")-cost("/1"))
}

func TestV2OddEntriesChangeNothing(t *testing.T) {
	m := newMachine(t)
	require.ErrorIs(t, m.v2(&v2pb.Request{Method: "PATCH", Path: "/1/a"}).Err, apply.ErrUnknownRequest)
	require.NoError(t, m.v2(&v2pb.Request{Method: "QGET", Path: "/1/a"}).Err)
	require.Zero(t, m.store.V2Index())
}
