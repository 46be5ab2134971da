package apply_test

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/mvcc"
)

// machine is a state machine of one: every entry is a batch.
type machine struct {
	t       *testing.T
	store   *storage.Store
	applier *apply.Applier
	cluster *membership.Cluster
	auth    *auth.Store
	full    bool
	index   uint64
}

func newMachine(t *testing.T) *machine {
	s, err := storage.Open("/state", storage.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() { // Close would wait for the batch that a panic left open
			require.NoError(t, s.Close())
		}
	})
	m := &machine{t: t, store: s, cluster: membership.New(1, 2, 1)}
	m.auth, err = auth.New(auth.Config{Token: "simple", BcryptCost: 4})
	require.NoError(t, err)
	m.applier = apply.New(apply.Config{Cluster: m.cluster, Auth: m.auth, Available: func(int64) bool { return !m.full }})
	require.NoError(t, m.applier.Load(s))
	return m
}

func (m *machine) apply(r *pb.InternalRaftRequest) *apply.Result {
	m.t.Helper()
	b := m.store.NewBatch()
	res, err := m.applier.Apply(b, r, true)
	require.NoError(m.t, err)
	m.index++
	require.NoError(m.t, b.Commit(m.index, 1))
	m.auth.Publish()
	return res
}

func (m *machine) put(p *pb.PutRequest) (*pb.PutResponse, error) {
	m.t.Helper()
	res := m.apply(&pb.InternalRaftRequest{Put: p})
	resp, _ := res.Resp.(*pb.PutResponse)
	return resp, res.Err
}

func (m *machine) txn(t *pb.TxnRequest) (*pb.TxnResponse, error) {
	m.t.Helper()
	res := m.apply(&pb.InternalRaftRequest{Txn: t})
	resp, _ := res.Resp.(*pb.TxnResponse)
	return resp, res.Err
}

func (m *machine) get(key string) string {
	m.t.Helper()
	resp, err := apply.Range(context.Background(), m.store, &pb.RangeRequest{Key: []byte(key)})
	require.NoError(m.t, err)
	if len(resp.Kvs) == 0 {
		return ""
	}
	return string(resp.Kvs[0].Value)
}

func putReq(key, value string) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte(key), Value: []byte(value)}
}

func putOp(p *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: p}}
}

func rangeOp(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

func deleteOp(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}}}
}

func txnOp(t *pb.TxnRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: t}}
}

func version(key string, v int64) *pb.Compare {
	return &pb.Compare{Key: []byte(key), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: v}}
}

func TestPutIgnoreValueAndLease(t *testing.T) {
	m := newMachine(t)
	_, err := m.put(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true})
	require.ErrorIs(t, err, apply.ErrKeyNotFound)
	require.EqualValues(t, 1, m.store.Revision(), "a refused put makes no revision")

	require.NoError(t, m.apply(&pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{ID: 7, TTL: 10}}).Err)
	_, err = m.put(&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), Lease: 7})
	require.NoError(t, err)
	resp, err := m.put(&pb.PutRequest{Key: []byte("k"), Value: []byte("w"), IgnoreLease: true, PrevKv: true})
	require.NoError(t, err)
	require.Equal(t, "v", string(resp.PrevKv.Value))
	_, err = m.put(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true, Lease: 0})
	require.NoError(t, err)
	require.Equal(t, "w", m.get("k"))
	info, ok, err := m.store.Lease(7)
	require.NoError(t, err)
	require.True(t, ok)
	require.Empty(t, info.Keys, "the last put took the key off its lease")
}

func TestPutToAMissingLeaseChangesNothing(t *testing.T) {
	m := newMachine(t)
	_, err := m.put(&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), Lease: 7})
	require.ErrorIs(t, err, apply.ErrLeaseNotFound)
	require.Equal(t, "", m.get("k"))
	require.EqualValues(t, 1, m.store.Revision())
}

func TestTxnIsCheckedInWhole(t *testing.T) {
	for name, bad := range map[string]struct {
		op  *pb.RequestOp
		err error
	}{
		"missing lease":   {putOp(&pb.PutRequest{Key: []byte("b"), Lease: 7}), apply.ErrLeaseNotFound},
		"ignored value":   {putOp(&pb.PutRequest{Key: []byte("b"), IgnoreValue: true}), apply.ErrKeyNotFound},
		"ignored lease":   {putOp(&pb.PutRequest{Key: []byte("b"), IgnoreLease: true}), apply.ErrKeyNotFound},
		"future revision": {rangeOp(&pb.RangeRequest{Key: []byte("b"), Revision: 99}), mvcc.ErrFutureRevision},
		"nested": {txnOp(&pb.TxnRequest{Success: []*pb.RequestOp{putOp(&pb.PutRequest{Key: []byte("b"), Lease: 7})}}),
			apply.ErrLeaseNotFound},
		"future even though the txn writes": {rangeOp(&pb.RangeRequest{Key: []byte("b"), Revision: 2}), mvcc.ErrFutureRevision},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			_, err := m.txn(&pb.TxnRequest{Success: []*pb.RequestOp{putOp(putReq("a", "v")), bad.op}})
			require.ErrorIs(t, err, bad.err)
			require.Equal(t, "", m.get("a"))
			require.EqualValues(t, 1, m.store.Revision())
		})
	}
}

func TestTxnCompactedRevision(t *testing.T) {
	m := newMachine(t)
	for range 3 {
		_, err := m.put(putReq("k", "v"))
		require.NoError(t, err)
	}
	require.NoError(t, m.apply(&pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: 3}}).Err)
	_, err := m.txn(&pb.TxnRequest{Success: []*pb.RequestOp{putOp(putReq("a", "v")), rangeOp(&pb.RangeRequest{Key: []byte("k"), Revision: 2})}})
	require.ErrorIs(t, err, mvcc.ErrCompacted)
	_, err = m.txn(&pb.TxnRequest{Success: []*pb.RequestOp{putOp(putReq("a", "v")), rangeOp(&pb.RangeRequest{Key: []byte("k"), Revision: 3})}})
	require.NoError(t, err, "the compact revision itself stays readable")
}

func TestBranchNotTakenIsNotChecked(t *testing.T) {
	m := newMachine(t)
	resp, err := m.txn(&pb.TxnRequest{
		Compare: []*pb.Compare{version("k", 1)},
		Success: []*pb.RequestOp{putOp(&pb.PutRequest{Key: []byte("b"), Lease: 7})},
		Failure: []*pb.RequestOp{putOp(putReq("a", "v"))},
	})
	require.NoError(t, err)
	require.False(t, resp.Succeeded)
	require.Equal(t, "v", m.get("a"))
}

func TestNestedComparesSeeTheStateBeforeTheTxn(t *testing.T) {
	m := newMachine(t)
	resp, err := m.txn(&pb.TxnRequest{Success: []*pb.RequestOp{
		putOp(putReq("a", "v")),
		txnOp(&pb.TxnRequest{
			Compare: []*pb.Compare{version("a", 0)},
			Success: []*pb.RequestOp{putOp(putReq("b", "unchanged")), rangeOp(&pb.RangeRequest{Key: []byte("a")})},
			Failure: []*pb.RequestOp{putOp(putReq("b", "changed"))},
		}),
	}})
	require.NoError(t, err)
	require.Equal(t, "unchanged", m.get("b"))
	nested := resp.Responses[1].GetResponseTxn()
	require.True(t, nested.Succeeded)
	got := nested.Responses[1].GetResponseRange()
	require.Equal(t, "v", string(got.Kvs[0].Value), "operations see those before them")
	require.EqualValues(t, 2, got.Header.Revision)
	require.EqualValues(t, 2, resp.Header.Revision)
	require.EqualValues(t, 0, nested.Header.Revision, "as etcd: only the outermost header has it")
	require.EqualValues(t, 2, m.store.Revision(), "one revision for all")
}

func TestRevisionsWithinATxn(t *testing.T) {
	m := newMachine(t)
	resp, err := m.txn(&pb.TxnRequest{Success: []*pb.RequestOp{
		rangeOp(&pb.RangeRequest{Key: []byte("a")}), deleteOp("a"), putOp(putReq("a", "v")), deleteOp("b"), rangeOp(&pb.RangeRequest{Key: []byte("a")}),
	}})
	require.NoError(t, err)
	require.EqualValues(t, 1, resp.Responses[0].GetResponseRange().Header.Revision)
	require.EqualValues(t, 1, resp.Responses[1].GetResponseDeleteRange().Header.Revision)
	require.EqualValues(t, 2, resp.Responses[2].GetResponsePut().Header.Revision)
	require.EqualValues(t, 2, resp.Responses[3].GetResponseDeleteRange().Header.Revision)
	require.EqualValues(t, 2, resp.Responses[4].GetResponseRange().Header.Revision)
}

func TestComparesOverARange(t *testing.T) {
	m := newMachine(t)
	for _, k := range []string{"a1", "a2"} {
		_, err := m.put(putReq(k, "v"))
		require.NoError(t, err)
	}
	over := func(c *pb.Compare) bool {
		c.Key, c.RangeEnd = []byte("a"), []byte("b")
		resp, err := m.txn(&pb.TxnRequest{Compare: []*pb.Compare{c}})
		require.NoError(t, err)
		return resp.Succeeded
	}
	require.True(t, over(version("", 1)))
	_, err := m.put(putReq("a2", "v"))
	require.NoError(t, err)
	require.False(t, over(version("", 1)), "one of the two differs")
	require.True(t, over(&pb.Compare{Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("v")}}))
	require.True(t, over(&pb.Compare{Target: pb.Compare_LEASE, TargetUnion: &pb.Compare_Lease{}}))
	require.True(t, over(&pb.Compare{Target: pb.Compare_MOD, Result: pb.Compare_GREATER, TargetUnion: &pb.Compare_ModRevision{ModRevision: 1}}))
}

func TestAbsentValueComparesFalse(t *testing.T) {
	m := newMachine(t)
	for _, result := range []pb.Compare_CompareResult{pb.Compare_EQUAL, pb.Compare_NOT_EQUAL, pb.Compare_LESS} {
		resp, err := m.txn(&pb.TxnRequest{Compare: []*pb.Compare{{Key: []byte("k"), Target: pb.Compare_VALUE, Result: result}}})
		require.NoError(t, err)
		require.False(t, resp.Succeeded)
	}
}

func TestLeases(t *testing.T) {
	m := newMachine(t)
	grant := func(id, ttl int64) error {
		return m.apply(&pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{ID: id, TTL: ttl}}).Err
	}
	require.ErrorIs(t, grant(0, 1), apply.ErrLeaseNotFound)
	require.ErrorIs(t, grant(1, apply.LeaseTTLMax+1), apply.ErrLeaseTTLTooLarge)
	require.NoError(t, grant(-1, apply.LeaseTTLMax))
	require.ErrorIs(t, grant(-1, 1), apply.ErrLeaseExists)
	for _, k := range []string{"a", "b"} {
		_, err := m.put(&pb.PutRequest{Key: []byte(k), Lease: -1})
		require.NoError(t, err)
	}
	res := m.apply(&pb.InternalRaftRequest{LeaseRevoke: &pb.LeaseRevokeRequest{ID: -1}})
	require.NoError(t, res.Err)
	require.EqualValues(t, 4, m.store.Revision(), "both keys went in one revision")
	res = m.apply(&pb.InternalRaftRequest{LeaseRevoke: &pb.LeaseRevokeRequest{ID: -1}})
	require.ErrorIs(t, res.Err, apply.ErrLeaseNotFound)
	res = m.apply(&pb.InternalRaftRequest{LeaseCheckpoint: &pb.LeaseCheckpointRequest{Checkpoints: []*pb.LeaseCheckpoint{{ID: 9}}}})
	require.NoError(t, res.Err, "a lease that ended meanwhile is passed over")
}

func alarm(action pb.AlarmRequest_AlarmAction, kind pb.AlarmType) *pb.InternalRaftRequest {
	return &pb.InternalRaftRequest{Alarm: &pb.AlarmRequest{Action: action, MemberID: 2, Alarm: kind}}
}

func TestNoSpaceAlarm(t *testing.T) {
	m := newMachine(t)
	_, err := m.put(putReq("k", "v"))
	require.NoError(t, err)
	require.NoError(t, m.apply(&pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{ID: 7, TTL: 1}}).Err)
	require.NoError(t, m.apply(alarm(pb.AlarmRequest_ACTIVATE, pb.AlarmType_NOSPACE)).Err)

	_, err = m.put(putReq("k", "w"))
	require.ErrorIs(t, err, apply.ErrNoSpace)
	_, err = m.txn(&pb.TxnRequest{Failure: []*pb.RequestOp{putOp(putReq("k", "w"))}})
	require.ErrorIs(t, err, apply.ErrNoSpace, "also when the branch with the put is not taken")
	require.ErrorIs(t, m.apply(&pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{ID: 8, TTL: 1}}).Err, apply.ErrNoSpace)
	require.Equal(t, "v", m.get("k"))

	_, err = m.txn(&pb.TxnRequest{Success: []*pb.RequestOp{deleteOp("k")}})
	require.NoError(t, err)
	require.NoError(t, m.apply(&pb.InternalRaftRequest{DeleteRange: &pb.DeleteRangeRequest{Key: []byte("k")}}).Err)
	require.NoError(t, m.apply(&pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: 2}}).Err)
	require.NoError(t, m.apply(&pb.InternalRaftRequest{LeaseRevoke: &pb.LeaseRevokeRequest{ID: 7}}).Err)

	require.NoError(t, m.applier.Load(m.store), "alarms survive a restart")
	require.Len(t, m.applier.Alarms(pb.AlarmType_NONE), 1)
	require.NoError(t, m.apply(alarm(pb.AlarmRequest_DEACTIVATE, pb.AlarmType_NOSPACE)).Err)
	_, err = m.put(putReq("k", "w"))
	require.NoError(t, err)
}

func TestQuotaAnswersNoSpaceButWrites(t *testing.T) {
	m := newMachine(t)
	m.full = true
	_, err := m.put(putReq("k", "v"))
	require.ErrorIs(t, err, apply.ErrNoSpace)
	require.Equal(t, "v", m.get("k"), "members with room wrote it, so this one must too")
	require.NoError(t, m.apply(&pb.InternalRaftRequest{DeleteRange: &pb.DeleteRangeRequest{Key: []byte("k")}}).Err)
}

func TestCorruptAlarm(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, m.apply(alarm(pb.AlarmRequest_ACTIVATE, pb.AlarmType_CORRUPT)).Err)
	for name, r := range map[string]*pb.InternalRaftRequest{
		"put":     {Put: putReq("k", "v")},
		"range":   {Range: &pb.RangeRequest{Key: []byte("k")}},
		"delete":  {DeleteRange: &pb.DeleteRangeRequest{Key: []byte("k")}},
		"txn":     {Txn: &pb.TxnRequest{}},
		"compact": {Compaction: &pb.CompactionRequest{Revision: 1}},
		"grant":   {LeaseGrant: &pb.LeaseGrantRequest{ID: 1, TTL: 1}},
		"revoke":  {LeaseRevoke: &pb.LeaseRevokeRequest{ID: 1}},
	} {
		require.ErrorIs(t, m.apply(r).Err, apply.ErrCorrupt, name)
	}
	require.NoError(t, m.apply(alarm(pb.AlarmRequest_DEACTIVATE, pb.AlarmType_CORRUPT)).Err)
	_, err := m.put(putReq("k", "v"))
	require.NoError(t, err)
}

func TestAlarmAnswers(t *testing.T) {
	m := newMachine(t)
	members := func(res *apply.Result) int { return len(res.Resp.(*pb.AlarmResponse).Alarms) }
	require.Equal(t, 0, members(m.apply(alarm(pb.AlarmRequest_DEACTIVATE, pb.AlarmType_NOSPACE))))
	require.Equal(t, 0, members(m.apply(alarm(pb.AlarmRequest_ACTIVATE, pb.AlarmType_NONE))))
	require.Equal(t, 1, members(m.apply(alarm(pb.AlarmRequest_ACTIVATE, pb.AlarmType_NOSPACE))))
	require.Equal(t, 1, members(m.apply(alarm(pb.AlarmRequest_ACTIVATE, pb.AlarmType_NOSPACE))))
	require.Equal(t, 1, members(m.apply(alarm(pb.AlarmRequest_GET, pb.AlarmType_NONE))))
	require.Equal(t, 0, members(m.apply(alarm(pb.AlarmRequest_GET, pb.AlarmType_CORRUPT))))
}

func TestUnknownEntriesChangeNothing(t *testing.T) {
	m := newMachine(t)
	require.ErrorIs(t, m.apply(&pb.InternalRaftRequest{}).Err, apply.ErrUnknownRequest)

	v2 := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte("v2 request"))
	req := &pb.InternalRaftRequest{}
	require.NoError(t, proto.Unmarshal(v2, req))
	require.ErrorIs(t, m.apply(req).Err, apply.ErrUnknownRequest)

	bad := &membershippb.ClusterVersionSetRequest{Ver: "no version"}
	require.ErrorIs(t, m.apply(&pb.InternalRaftRequest{ClusterVersionSet: bad}).Err, membership.ErrBadVersion)
	require.Nil(t, m.cluster.Version())
	require.EqualValues(t, 1, m.store.Revision())
}

func TestMalformedEntriesDoNotPanic(t *testing.T) {
	m := newMachine(t)
	deep := &pb.TxnRequest{}
	for range 5000 {
		deep = &pb.TxnRequest{Success: []*pb.RequestOp{txnOp(deep)}}
	}
	for name, r := range map[string]*pb.InternalRaftRequest{
		"empty operations":       {Txn: &pb.TxnRequest{Success: []*pb.RequestOp{{}, nil}}},
		"nil requests":           {Txn: &pb.TxnRequest{Success: []*pb.RequestOp{putOp(nil), rangeOp(nil), txnOp(nil)}}},
		"nil compare":            {Txn: &pb.TxnRequest{Compare: []*pb.Compare{nil, {Target: 99, Result: 99}}}},
		"put after delete":       {Txn: &pb.TxnRequest{Success: []*pb.RequestOp{deleteOp("k"), putOp(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true})}}},
		"deep nesting":           {Txn: deep},
		"no attributes":          {ClusterMemberAttrSet: &membershippb.ClusterMemberAttrSetRequest{Member_ID: 5}},
		"bad sort":               {Range: &pb.RangeRequest{Key: []byte("k"), SortTarget: 99, SortOrder: 99}},
		"negative limits":        {Range: &pb.RangeRequest{Key: []byte("k"), Limit: -5, Revision: -5}},
		"inverted range":         {DeleteRange: &pb.DeleteRangeRequest{Key: []byte("b"), RangeEnd: []byte("a")}},
		"unknown alarm":          {Alarm: &pb.AlarmRequest{Action: 99, Alarm: 99}},
		"negative compaction":    {Compaction: &pb.CompactionRequest{Revision: -7}},
		"negative time to live":  {LeaseGrant: &pb.LeaseGrantRequest{ID: 3, TTL: -1}},
		"checkpoint without any": {LeaseCheckpoint: &pb.LeaseCheckpointRequest{Checkpoints: []*pb.LeaseCheckpoint{nil}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := m.put(putReq("k", "v"))
			require.NoError(t, err)
			m.apply(r)
		})
	}
}
