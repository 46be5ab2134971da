package backup_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	clientv2 "go.etcd.io/etcd/client/v2"

	"github.com/petcd/petcd/server/process"
)

// clientAs is API 2's client library for a user; nobody, if the name is empty.
func clientAs(t *testing.T, m *process.Member, user, password string) clientv2.Client {
	t.Helper()
	cl, err := clientv2.New(clientv2.Config{Endpoints: []string{m.ClientURL}, Username: user, Password: password})
	require.NoError(t, err)
	return cl
}

// TestUsersOfAPI2ComeOver has users and roles of API 2 made with the real etcd 3.4.23, and its data directory restored: on
// petcd they log in with their passwords and may do what they might there, and no more.
func TestUsersOfAPI2ComeOver(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts two servers")
	}
	t.Parallel()
	from := reserve(t, locate(t, process.Etcd34), 1, "--enable-v2")
	start(t, from)
	ctx := t.Context()
	open := clientAs(t, from.Member(0), "", "")
	users, roles := clientv2.NewAuthUserAPI(open), clientv2.NewAuthRoleAPI(open)
	require.NoError(t, users.AddUser(ctx, "root", "root-password"))
	require.NoError(t, users.AddUser(ctx, "reader", "reader-password"))
	require.NoError(t, roles.AddRole(ctx, "read-a"))
	_, err := roles.GrantRoleKV(ctx, "read-a", []string{"/a/*"}, clientv2.ReadPermission)
	require.NoError(t, err)
	_, err = users.GrantUser(ctx, "reader", []string{"read-a"})
	require.NoError(t, err)
	_, err = clientv2.NewKeysAPI(open).Set(ctx, "/a/key", "value", nil)
	require.NoError(t, err)
	require.NoError(t, clientv2.NewAuthAPI(open).Enable(ctx))
	asRoot := clientAs(t, from.Member(0), "root", "root-password")
	require.NoError(t, clientv2.NewAuthRoleAPI(asRoot).RemoveRole(ctx, "guest")) // who has no name may do nothing
	seeUsers(t, ctx, from.Member(0))
	require.NoError(t, from.Close())

	there := reserve(t, locate(t, process.Petcd), 1)
	restore(t, from.Member(0).DataDir, there, asItIs)
	start(t, there)
	seeUsers(t, ctx, there.Member(0))
}

// seeUsers verifies what each user of the test may do.
func seeUsers(t *testing.T, ctx context.Context, m *process.Member) {
	t.Helper()
	reader := clientv2.NewKeysAPI(clientAs(t, m, "reader", "reader-password"))
	got, err := reader.Get(ctx, "/a/key", nil)
	require.NoError(t, err)
	require.Equal(t, "value", got.Node.Value)
	_, err = reader.Set(ctx, "/a/key", "theirs", nil)
	require.ErrorContains(t, err, "Insufficient credentials")
	_, err = clientv2.NewKeysAPI(clientAs(t, m, "reader", "wrong")).Get(ctx, "/a/key", nil)
	require.ErrorContains(t, err, "Insufficient credentials")
	_, err = clientv2.NewKeysAPI(clientAs(t, m, "", "")).Get(ctx, "/a/key", nil)
	require.ErrorContains(t, err, "Insufficient credentials")
	root := clientAs(t, m, "root", "root-password")
	_, err = clientv2.NewKeysAPI(root).Set(ctx, "/b/key", "value", nil)
	require.NoError(t, err)
	names, err := clientv2.NewAuthUserAPI(root).ListUsers(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"reader", "root"}, names)
	role, err := clientv2.NewAuthRoleAPI(root).GetRole(ctx, "read-a")
	require.NoError(t, err)
	require.Equal(t, []string{"/a/*"}, role.Permissions.KV.Read)
}
