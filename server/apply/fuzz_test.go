package apply_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// FuzzApply applies any bytes that are an entry's request at a member where its proposer waits and at one where nobody does. The
// state itself never fails of it, and the two stay equal.
func FuzzApply(f *testing.F) {
	nested := nest(2, putOp(&pb.PutRequest{Key: []byte("a"), IgnoreValue: true, PrevKv: true}))
	nested.Compare = []*pb.Compare{version("a", 1)}
	for _, r := range []*pb.InternalRaftRequest{
		{Put: &pb.PutRequest{Key: []byte("a"), Value: []byte("v"), Lease: 7}},
		{DeleteRange: &pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte{0}, PrevKv: true}},
		{Range: &pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z"), Limit: 1, Revision: 2, SortTarget: pb.RangeRequest_VALUE}},
		{Txn: nested}, {Txn: &pb.TxnRequest{Success: []*pb.RequestOp{rangeOp(&pb.RangeRequest{Key: []byte("a"), Revision: 9}), deleteOp("b")}}},
		{Compaction: &pb.CompactionRequest{Revision: 3, Physical: true}},
		{LeaseGrant: &pb.LeaseGrantRequest{ID: 8, TTL: 60}}, {LeaseRevoke: &pb.LeaseRevokeRequest{ID: 7}},
		{LeaseCheckpoint: &pb.LeaseCheckpointRequest{Checkpoints: []*pb.LeaseCheckpoint{{ID: 7, Remaining_TTL: 5}}}},
		{Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: 2, Alarm: pb.AlarmType_NOSPACE}},
		{AuthRoleAdd: &pb.AuthRoleAddRequest{Name: "r"}}, {AuthRoleGrantPermission: grant(authpb.Permission_READ, "b", "a")},
		{AuthEnable: &pb.AuthEnableRequest{}}, {AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: auth.Root, Role: "s"}},
	} {
		b, err := proto.Marshal(r)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &pb.InternalRaftRequest{}
		if proto.Unmarshal(b, r) != nil {
			return
		}
		var hashes []uint32
		for _, waited := range []bool{true, false} {
			hashes = append(hashes, applyAlone(t, proto.Clone(r).(*pb.InternalRaftRequest), waited))
		}
		require.Equal(t, hashes[0], hashes[1])
	})
}

// applyAlone applies a request to a small state, and returns the hash of what becomes of it.
func applyAlone(t *testing.T, r *pb.InternalRaftRequest, waited bool) uint32 {
	s, err := storage.Open("/state", storage.Options{
		FS: vfs.NewMem(), FlushInterval: -1, MemTableBytes: 64 << 10, CacheBytes: 64 << 10, Still: true,
	})
	require.NoError(t, err)
	defer s.Close()
	users, err := auth.New(auth.Config{Token: "simple", BcryptCost: 4})
	require.NoError(t, err)
	a := apply.New(apply.Config{Cluster: membership.New(1, 2, 1), Auth: users})
	require.NoError(t, a.Load(s))
	for i, r := range []*pb.InternalRaftRequest{
		{LeaseGrant: &pb.LeaseGrantRequest{ID: 7, TTL: 60}},
		{Put: &pb.PutRequest{Key: []byte("a"), Value: []byte("1"), Lease: 7}},
		{Put: putReq("b", "2")}, {Put: putReq("a", "3")},
		{AuthUserAdd: &pb.AuthUserAddRequest{Name: auth.Root}},
		{AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: auth.Root, Role: auth.Root}},
		r,
	} {
		b := s.NewBatch()
		if _, err := a.Apply(b, r, waited); err != nil {
			require.NoError(t, b.Close())
			require.NoError(t, err)
		}
		require.NoError(t, b.Commit(uint64(i+1), 1))
		users.Publish()
	}
	hash, err := s.Hash()
	require.NoError(t, err)
	return hash
}
