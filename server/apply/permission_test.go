package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
)

// guarded is a machine on which authentication is on. The user ann may read a to c, and write b to d.
func guarded(t *testing.T) *machine {
	m := newMachine(t)
	for _, r := range []*pb.InternalRaftRequest{
		{AuthUserAdd: &pb.AuthUserAddRequest{Name: auth.Root}},
		{AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: auth.Root, Role: auth.Root}},
		{AuthUserAdd: &pb.AuthUserAddRequest{Name: "ann"}},
		{AuthRoleAdd: &pb.AuthRoleAddRequest{Name: "r"}},
		{AuthRoleGrantPermission: grant(authpb.Permission_READ, "a", "c")},
		{AuthRoleGrantPermission: grant(authpb.Permission_WRITE, "b", "d")},
		{AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: "ann", Role: "r"}},
		{AuthEnable: &pb.AuthEnableRequest{}},
	} {
		require.NoError(t, m.apply(r).Err)
	}
	return m
}

func grant(kind authpb.Permission_Type, key, end string) *pb.AuthRoleGrantPermissionRequest {
	return &pb.AuthRoleGrantPermissionRequest{Name: "r", Perm: &authpb.Permission{PermType: kind, Key: []byte(key), RangeEnd: []byte(end)}}
}

// as applies an entry of a user's.
func (m *machine) as(user string, r *pb.InternalRaftRequest) *apply.Result {
	m.t.Helper()
	r.Header = &pb.RequestHeader{Username: user, AuthRevision: m.auth.View().Revision()}
	return m.apply(r)
}

func compareOp(key string) *pb.TxnRequest {
	return &pb.TxnRequest{Compare: []*pb.Compare{version(key, 0)}}
}

func nest(depth int, op *pb.RequestOp) *pb.TxnRequest {
	txn := &pb.TxnRequest{Failure: []*pb.RequestOp{op}}
	for range depth {
		txn = &pb.TxnRequest{Success: []*pb.RequestOp{txnOp(txn)}}
	}
	return txn
}

// TestPermissionsOfEntries checks each kind of entry at each place where it can be. What is refused must not change
// anything.
func TestPermissionsOfEntries(t *testing.T) {
	m := guarded(t)
	require.NoError(t, m.as(auth.Root, &pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{ID: 7, TTL: 10}}).Err)
	require.NoError(t, m.as(auth.Root, &pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{ID: 8, TTL: 10}}).Err)
	require.NoError(t, m.as(auth.Root, &pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte("x"), Lease: 7}}).Err)
	require.NoError(t, m.as(auth.Root, &pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte("c"), Lease: 8}}).Err)
	type ops = map[string]*pb.RequestOp
	put := func(key string, prev bool, lease int64) *pb.RequestOp {
		return putOp(&pb.PutRequest{Key: []byte(key), PrevKv: prev, Lease: lease})
	}
	del := func(key, end string, prev bool) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
			RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end), PrevKv: prev}}}
	}
	read := func(key, end string) *pb.RequestOp {
		return rangeOp(&pb.RangeRequest{Key: []byte(key), RangeEnd: []byte(end)})
	}
	allowed := ops{
		"put": put("c", false, 0), "put with prev_kv": put("b", true, 0), "put with lease": put("c", false, 8),
		"delete": del("b", "d", false), "delete with prev_kv": del("b", "c", true), "range": read("a", "c"), "compare": txnOp(compareOp("a")),
	}
	denied := ops{
		"put": put("a", false, 0), "put with prev_kv": put("c", true, 0), "put with another's lease": put("c", false, 7),
		"delete": del("a", "c", false), "delete with prev_kv": del("c", "", true), "delete from key": del("b", "\x00", false),
		"range": read("a", "d"), "range from key": read("a", "\x00"), "compare": txnOp(compareOp("c")), "no key": read("", ""),
	}
	for depth := range 4 {
		for name, op := range allowed {
			require.NoError(t, m.as("ann", &pb.InternalRaftRequest{Txn: nest(depth, op)}).Err, "%s at depth %d", name, depth)
		}
		revision := m.store.Revision()
		for name, op := range denied {
			require.ErrorIs(t, m.as("ann", &pb.InternalRaftRequest{Txn: nest(depth, op)}).Err, auth.ErrPermissionDenied, "%s at depth %d", name, depth)
			require.ErrorIs(t, m.as("", &pb.InternalRaftRequest{Txn: nest(depth, op)}).Err, auth.ErrPermissionDenied)
		}
		require.Equal(t, revision, m.store.Revision())
	}
	for name, op := range denied {
		require.ErrorIs(t, m.as("ann", alone(op)).Err, auth.ErrPermissionDenied, name)
		require.ErrorIs(t, m.apply(alone(op)).Err, auth.ErrUserEmpty, "%s of nobody", name)
	}
	for name, op := range allowed {
		require.NoError(t, m.as("ann", alone(op)).Err, name)
	}
	require.ErrorIs(t, m.as("ann", &pb.InternalRaftRequest{LeaseRevoke: &pb.LeaseRevokeRequest{ID: 7}}).Err, auth.ErrPermissionDenied)
	require.NoError(t, m.as("ann", &pb.InternalRaftRequest{LeaseRevoke: &pb.LeaseRevokeRequest{ID: 8}}).Err)
	require.NoError(t, m.as(auth.Root, &pb.InternalRaftRequest{LeaseRevoke: &pb.LeaseRevokeRequest{ID: 7}}).Err)
}

// alone is an operation as an entry of its own.
func alone(op *pb.RequestOp) *pb.InternalRaftRequest {
	switch o := op.GetRequest().(type) {
	case *pb.RequestOp_RequestPut:
		return &pb.InternalRaftRequest{Put: o.RequestPut}
	case *pb.RequestOp_RequestDeleteRange:
		return &pb.InternalRaftRequest{DeleteRange: o.RequestDeleteRange}
	case *pb.RequestOp_RequestRange:
		return &pb.InternalRaftRequest{Range: o.RequestRange}
	}
	return &pb.InternalRaftRequest{Txn: op.GetRequestTxn()}
}

func TestLeaseKeysOfTheSameBatchCount(t *testing.T) {
	m := guarded(t)
	b := m.store.NewBatch()
	root := &pb.RequestHeader{Username: auth.Root, AuthRevision: m.auth.View().Revision()}
	ann := &pb.RequestHeader{Username: "ann", AuthRevision: m.auth.View().Revision()}
	var last *apply.Result
	for _, r := range []*pb.InternalRaftRequest{
		{Header: root, LeaseGrant: &pb.LeaseGrantRequest{ID: 7, TTL: 10}},
		{Header: root, Put: &pb.PutRequest{Key: []byte("x"), Lease: 7}},
		{Header: ann, LeaseRevoke: &pb.LeaseRevokeRequest{ID: 7}},
	} {
		var err error
		last, err = m.applier.Apply(b, r, true)
		require.NoError(t, err)
	}
	require.ErrorIs(t, last.Err, auth.ErrPermissionDenied)
	m.index++
	require.NoError(t, b.Commit(m.index, 1))
}

func TestEntryUnderOldRulesIsRefused(t *testing.T) {
	m := guarded(t)
	old := &pb.RequestHeader{Username: "ann", AuthRevision: m.auth.View().Revision()}
	require.NoError(t, m.as(auth.Root, &pb.InternalRaftRequest{AuthRoleGrantPermission: grant(authpb.Permission_READ, "e", "f")}).Err)
	require.ErrorIs(t, m.apply(&pb.InternalRaftRequest{Header: old, Put: putReq("b", "v")}).Err, auth.ErrOldRevision)
	require.NoError(t, m.as("ann", &pb.InternalRaftRequest{Put: putReq("b", "v")}).Err)
}

func TestWhoMayManage(t *testing.T) {
	m := guarded(t)
	for name, r := range map[string]*pb.InternalRaftRequest{
		"enable": {AuthEnable: &pb.AuthEnableRequest{}}, "disable": {AuthDisable: &pb.AuthDisableRequest{}},
		"user add": {AuthUserAdd: &pb.AuthUserAddRequest{Name: "u"}}, "user delete": {AuthUserDelete: &pb.AuthUserDeleteRequest{Name: "ann"}},
		"password": {AuthUserChangePassword: &pb.AuthUserChangePasswordRequest{Name: "ann"}},
		"grant":    {AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: "ann", Role: auth.Root}},
		"revoke":   {AuthUserRevokeRole: &pb.AuthUserRevokeRoleRequest{Name: "ann", Role: "r"}},
		"role add": {AuthRoleAdd: &pb.AuthRoleAddRequest{Name: "s"}}, "role delete": {AuthRoleDelete: &pb.AuthRoleDeleteRequest{Role: "r"}},
		"permit":   {AuthRoleGrantPermission: grant(authpb.Permission_READ, "z", "")},
		"withdraw": {AuthRoleRevokePermission: &pb.AuthRoleRevokePermissionRequest{Role: "r", Key: []byte("a"), RangeEnd: []byte("c")}},
		"users":    {AuthUserList: &pb.AuthUserListRequest{}}, "roles": {AuthRoleList: &pb.AuthRoleListRequest{}},
		"another user": {AuthUserGet: &pb.AuthUserGetRequest{Name: auth.Root}}, "another role": {AuthRoleGet: &pb.AuthRoleGetRequest{Role: auth.Root}},
	} {
		require.ErrorIs(t, m.as("ann", r).Err, auth.ErrPermissionDenied, name)
		require.ErrorIs(t, m.as("nobody", r).Err, auth.ErrUserNotFound, name)
		require.ErrorIs(t, m.as("", r).Err, auth.ErrUserEmpty, name)
	}
	require.True(t, m.auth.Enabled())
	for name, r := range map[string]*pb.InternalRaftRequest{
		"status": {AuthStatus: &pb.AuthStatusRequest{}}, "own user": {AuthUserGet: &pb.AuthUserGetRequest{Name: "ann"}}, "own role": {AuthRoleGet: &pb.AuthRoleGetRequest{Role: "r"}},
	} {
		require.NoError(t, m.as("ann", r).Err, name)
	}
}

// TestMembersOwnEntriesNeedNobody makes what members propose by themselves.
func TestMembersOwnEntriesNeedNobody(t *testing.T) {
	m := guarded(t)
	for name, r := range map[string]*pb.InternalRaftRequest{
		"alarm":      {Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: 1, Alarm: pb.AlarmType_NOSPACE}},
		"checkpoint": {LeaseCheckpoint: &pb.LeaseCheckpointRequest{}},
		"compaction": {Compaction: &pb.CompactionRequest{Revision: 1}},
	} {
		require.NoError(t, m.apply(r).Err, name)
	}
}
