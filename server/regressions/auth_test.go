package regressions

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/storage"
)

// Each member of etcd kept the permissions in a cache that a restart or a snapshot left empty. So after authentication was enabled
// one member refused what the others let in, and their data diverged. The promise: who may do what follows from the
// entries alone, however a member came by them.
func TestEtcd14571(t *testing.T) {
	steady := newMember(t, vfs.NewMem(), storage.Options{})
	for _, r := range []*pb.InternalRaftRequest{
		{AuthUserAdd: &pb.AuthUserAddRequest{Name: auth.Root}},
		{AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: auth.Root, Role: auth.Root}},
		{AuthUserAdd: &pb.AuthUserAddRequest{Name: "ann"}},
		{AuthRoleAdd: &pb.AuthRoleAddRequest{Name: "r"}},
		{AuthRoleGrantPermission: grantWrite("a", "c")},
		{AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: "ann", Role: "r"}},
	} {
		steady.must(r)
	}
	restarted, sent := newMember(t, vfs.NewMem(), storage.Options{}), newMember(t, vfs.NewMem(), storage.Options{})
	restarted.install(steady.snapshot())
	restarted.restart()
	all := []*member{steady, restarted, sent}
	for _, m := range all[:2] {
		m.must(&pb.InternalRaftRequest{AuthEnable: &pb.AuthEnableRequest{}})
	}
	sent.install(steady.snapshot())

	// What ann does before and after her rights change is judged alike by all.
	for _, c := range []struct {
		entry *pb.InternalRaftRequest
		want  error
	}{
		{&pb.InternalRaftRequest{Header: header("ann", steady), Put: putRequest("b")}, nil},
		{&pb.InternalRaftRequest{Header: header("ann", steady), Put: putRequest("c")}, auth.ErrPermissionDenied},
		{&pb.InternalRaftRequest{Header: header(auth.Root, steady), AuthRoleGrantPermission: grantWrite("c", "d")}, nil},
		{&pb.InternalRaftRequest{Header: header("ann", steady), Put: putRequest("b")}, auth.ErrOldRevision},
	} {
		for i, m := range all {
			require.ErrorIs(t, m.apply(proto.Clone(c.entry).(*pb.InternalRaftRequest), m == steady).Err, c.want, "member %d", i)
		}
	}
	for i, m := range all {
		m.must(&pb.InternalRaftRequest{Header: header("ann", m), Put: putRequest("c")})
		require.Equal(t, steady.hash(), m.hash(), "member %d", i)
	}
}

func grantWrite(key, end string) *pb.AuthRoleGrantPermissionRequest {
	return &pb.AuthRoleGrantPermissionRequest{
		Name: "r", Perm: &authpb.Permission{PermType: authpb.Permission_WRITE, Key: []byte(key), RangeEnd: []byte(end)},
	}
}

// header says who makes a request, and by which rules the member that took it let it in.
func header(user string, at *member) *pb.RequestHeader {
	return &pb.RequestHeader{Username: user, AuthRevision: at.users.View().Revision()}
}
