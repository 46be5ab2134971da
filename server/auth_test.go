package server_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/servertest"
)

// enableAuth adds root and ann, who may read and write what begins with "ann/", and turns authentication on.
func enableAuth(ctx context.Context, t *testing.T, client *clientv3.Client) {
	t.Helper()
	for _, call := range []func() error{
		func() error { _, err := client.UserAdd(ctx, "root", "rootpw"); return err },
		func() error { _, err := client.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := client.UserAdd(ctx, "ann", "annpw"); return err },
		func() error { _, err := client.RoleAdd(ctx, "r"); return err },
		func() error {
			_, err := client.RoleGrantPermission(ctx, "r", "ann/", "ann0", clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := client.UserGrantRole(ctx, "ann", "r"); return err },
		func() error { _, err := client.AuthEnable(ctx); return err },
	} {
		require.NoError(t, call())
	}
}

// login is ctx with a token that a member gave.
func login(ctx context.Context, t *testing.T, client *clientv3.Client, user, password string) context.Context {
	t.Helper()
	resp, err := client.Authenticate(ctx, user, password)
	require.NoError(t, err)
	return metadata.AppendToOutgoingContext(ctx, rpctypes.TokenFieldNameGRPC, resp.Token)
}

// quick makes passwords cheap.
func quick(c *config.Config) { c.BcryptCost = 4 }

// requireAuth checks on one member that users, roles and permissions are there.
func requireAuth(ctx context.Context, t *testing.T, c *servertest.Cluster, m *servertest.Member) {
	t.Helper()
	client := c.Client(m)
	_, err := client.Get(ctx, "ann/k", clientv3.WithSerializable())
	require.ErrorContains(t, err, "user name is empty")
	as := login(ctx, t, client, "ann", "annpw")
	_, err = client.Put(as, "ann/k", "v")
	require.NoError(t, err)
	_, err = client.Get(as, "ann/", clientv3.WithPrefix(), clientv3.WithSerializable())
	require.NoError(t, err)
	_, err = client.Get(as, "x", clientv3.WithSerializable())
	require.ErrorContains(t, err, "permission denied")
}

func TestUsersSurviveACrash(t *testing.T) {
	c := servertest.Start(t, 1, servertest.WithConfig(quick))
	ctx := c.Context()
	enableAuth(ctx, t, c.Client())
	before := login(ctx, t, c.Client(), "ann", "annpw")
	c.Members[0].Kill()
	c.Members[0].Start()
	c.Members[0].WaitReady()
	requireAuth(ctx, t, c, c.Members[0])
	_, err := c.Client().Get(before, "ann/k")
	require.ErrorContains(t, err, "invalid auth token", "tokens end with the process")
}

func TestUsersReachAMemberBySnapshot(t *testing.T) {
	c := servertest.Start(t, 3, servertest.WithConfig(func(cfg *config.Config) { quick(cfg); shortLog(cfg) }))
	ctx := c.Context()
	away := c.Follower()
	away.Stop()
	client := c.Client(c.Leader())
	enableAuth(ctx, t, client)
	root := login(ctx, t, client, "root", "rootpw")
	for range 200 {
		_, err := client.Put(root, "x", "v")
		require.NoError(t, err)
	}
	away.Start()
	away.WaitReady()
	requireAuth(ctx, t, c, away)
	for _, m := range c.Members {
		c.Eventually(func() bool {
			a, err := m.Server.Replica().Store().Hash()
			require.NoError(t, err)
			b, err := c.Members[0].Server.Replica().Store().Hash()
			require.NoError(t, err)
			return a == b
		}, "members hold the same users and roles")
	}
}

// TestLeasesEndUnderAuth: the leader ends leases whoever owns their keys, also while root's own rules change.
func TestLeasesEndUnderAuth(t *testing.T) {
	c := servertest.Start(t, 3, servertest.WithConfig(quick))
	ctx := c.Context()
	client := c.Client(c.Follower())
	enableAuth(ctx, t, client)
	ann := login(ctx, t, client, "ann", "annpw")
	l, err := client.Grant(ann, 1)
	require.NoError(t, err)
	_, err = client.Put(ann, "ann/leased", "v", clientv3.WithLease(l.ID))
	require.NoError(t, err)
	c.Eventually(func() bool {
		resp, err := client.Get(ann, "ann/leased")
		return err == nil && len(resp.Kvs) == 0
	}, "the lease's key is gone")
}
