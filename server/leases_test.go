package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/servertest"
)

var (
	prefixed  = clientv3.WithPrefix()
	countOnly = clientv3.WithCountOnly()
)

func TestLeaseEndsWithItsKeys(t *testing.T) {
	c := servertest.Start(t, 3)
	client := c.Client(c.Follower())
	lease, err := client.Grant(c.Context(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, lease.TTL)
	_, err = client.Put(c.Context(), "key", "value", clientv3.WithLease(lease.ID))
	require.NoError(t, err)
	start := time.Now()
	c.Eventually(func() bool {
		got, err := client.Get(c.Context(), "key")
		require.NoError(t, err)
		return len(got.Kvs) == 0
	}, "the key is gone")
	require.Greater(t, time.Since(start), 500*time.Millisecond)
	_, err = client.KeepAliveOnce(c.Context(), lease.ID)
	require.ErrorIs(t, err, rpctypes.ErrLeaseNotFound)
}

func TestKeepAliveThroughAFollower(t *testing.T) {
	c := servertest.Start(t, 3)
	client := c.Client(c.Follower())
	lease, err := client.Grant(c.Context(), 2)
	require.NoError(t, err)
	for range 5 { // longer than the lease would live
		sent := time.Now()
		kept, err := client.KeepAliveOnce(c.Context(), lease.ID)
		require.NoError(t, err)
		require.EqualValues(t, 2, kept.TTL)
		c.Eventually(func() bool { return time.Since(sent) > 700*time.Millisecond }, "time passes")
	}
	ttl, err := client.TimeToLive(c.Context(), lease.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, ttl.GrantedTTL)
	require.LessOrEqual(t, ttl.TTL, int64(2))
}

func TestTimeToLiveListsKeysEverywhere(t *testing.T) {
	c := servertest.Start(t, 3)
	lease, err := c.Client().Grant(c.Context(), 600)
	require.NoError(t, err)
	_, err = c.Client().Put(c.Context(), "b", "", clientv3.WithLease(lease.ID))
	require.NoError(t, err)
	_, err = c.Client().Put(c.Context(), "a", "", clientv3.WithLease(lease.ID))
	require.NoError(t, err)
	for _, m := range c.Members {
		ttl, err := c.Client(m).TimeToLive(c.Context(), lease.ID, clientv3.WithAttachedKeys())
		require.NoError(t, err)
		require.Equal(t, [][]byte{[]byte("a"), []byte("b")}, ttl.Keys)
		require.Greater(t, ttl.TTL, int64(590))
	}
	ttl, err := c.Client(c.Follower()).TimeToLive(c.Context(), 4711)
	require.NoError(t, err)
	require.EqualValues(t, -1, ttl.TTL)
}

func TestNewLeaderGivesLeasesTheirFullTime(t *testing.T) {
	c := servertest.Start(t, 3)
	client := c.Client()
	lease, err := client.Grant(c.Context(), 4)
	require.NoError(t, err)
	granted := time.Now()
	c.Eventually(func() bool { return time.Since(granted) > 2*time.Second }, "half the time passes")
	old := c.Leader()
	old.Kill()
	leader := c.Leader()
	ttl, err := c.Client(leader).TimeToLive(c.Context(), lease.ID)
	require.NoError(t, err)
	require.GreaterOrEqual(t, ttl.TTL, int64(3))
	c.Eventually(func() bool {
		return !leader.Server.Replica().Store().LeaseExists(int64(lease.ID))
	}, "the new leader ends the lease")
	require.Greater(t, time.Since(granted), 5*time.Second)
}

func TestLeaseTTLIsRaisedToTheLeast(t *testing.T) {
	c := servertest.Start(t, 1, servertest.WithConfig(func(c *config.Config) { c.ElectionTimeout = 2 * time.Second }))
	lease, err := c.Client().Grant(c.Context(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 3, lease.TTL, "one and a half election timeouts")
}

func TestAGreatManyLeasesEndAtOnce(t *testing.T) {
	const leases = 2000
	c := servertest.Start(t, 1)
	r := c.Members[0].Server.Replica()
	done := make(chan error, leases)
	for range leases {
		go func() {
			_, err := r.Propose(c.Context(), &pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{TTL: 2}})
			done <- err
		}()
	}
	for range leases {
		require.NoError(t, <-done)
	}
	require.Len(t, r.Store().Leases(), leases)
	c.Eventually(func() bool { return len(r.Store().Leases()) == 0 }, "all leases end")
}

func TestIsolatedLeaderEndsNoLease(t *testing.T) {
	c := servertest.Start(t, 3)
	old := c.Leader()
	lease, err := c.Client(old).Grant(c.Context(), 2)
	require.NoError(t, err)
	for i, m := range c.Members {
		if m == old {
			c.Network.Isolate(i)
		}
	}
	var leader *servertest.Member
	c.Eventually(func() bool {
		for _, m := range c.Members {
			if m != old && m.Server.Replica().Status().IsLeader {
				leader = m
			}
		}
		return leader != nil
	}, "the others elect a leader")
	client := c.Client(leader)
	cut := time.Now()
	c.Eventually(func() bool { // kept alive at the new leader far beyond the old one's clock
		_, err := client.KeepAliveOnce(c.Context(), lease.ID)
		require.NoError(t, err)
		return time.Since(cut) > 4*time.Second
	}, "the lease is kept alive")
	c.Network.Heal()
	c.Leader()
	_, err = client.KeepAliveOnce(c.Context(), lease.ID)
	require.NoError(t, err, "the old leader's revocation must not have come through")
}

func TestCutOffLeaderRenewsNothing(t *testing.T) {
	c := servertest.Start(t, 3)
	old := c.Leader()
	lease, err := c.Client(old).Grant(c.Context(), 600)
	require.NoError(t, err)
	client := c.Client(old)
	_, err = client.KeepAliveOnce(c.Context(), lease.ID)
	require.NoError(t, err)
	for i, m := range c.Members {
		if m == old {
			c.Network.Isolate(i)
		}
	}
	var other *servertest.Member
	c.Eventually(func() bool {
		for _, m := range c.Members {
			if m != old && m.Server.Replica().Status().IsLeader {
				other = m
			}
		}
		return other != nil
	}, "the others elect a leader")
	_, err = c.Client(other).Revoke(c.Context(), lease.ID)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(c.Context(), 2*time.Second)
	defer cancel()
	_, err = client.KeepAliveOnce(ctx, lease.ID)
	require.Error(t, err, "the lease was revoked by those who can")
}

func TestCheckpointSurvivesLeaderAndRestart(t *testing.T) {
	c := servertest.Start(t, 3)
	lease, err := c.Client().Grant(c.Context(), 600)
	require.NoError(t, err)
	left := func(m *servertest.Member) int64 {
		ttl, err := c.Client(m).TimeToLive(c.Context(), lease.ID)
		require.NoError(t, err)
		return ttl.TTL
	}
	leader := c.Leader()
	checkpoint := &pb.LeaseCheckpointRequest{Checkpoints: []*pb.LeaseCheckpoint{{ID: int64(lease.ID), Remaining_TTL: 100}}}
	_, err = leader.Server.Replica().Propose(c.Context(), &pb.InternalRaftRequest{LeaseCheckpoint: checkpoint})
	require.NoError(t, err)
	require.Greater(t, left(leader), int64(590), "the leader's own clock goes on")
	leader.Kill()
	require.LessOrEqual(t, left(c.Leader()), int64(101), "the next leader begins where the checkpoint was")
	leader.Restart()
	for _, m := range c.Members {
		m.Stop()
	}
	for _, m := range c.Members {
		m.Start()
	}
	for _, m := range c.Members {
		m.WaitReady()
	}
	require.LessOrEqual(t, left(c.Leader()), int64(101), "and so does one after a restart of all")
}
