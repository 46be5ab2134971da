package server_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/servertest"
)

// noSpace counts the members for which the NOSPACE alarm is raised, as one of them sees it.
func noSpace(m *servertest.Member) int { return len(m.Server.Replica().Alarms(pb.AlarmType_NOSPACE)) }

// fillUp writes until the quota is exceeded.
func fillUp(t *testing.T, c *servertest.Cluster, client *clientv3.Client) {
	t.Helper()
	value := make([]byte, 256<<10)
	rng := rand.NewChaCha8([32]byte{})
	for i := range 1000 {
		_, _ = rng.Read(value) // it does not compress
		_, err := client.Put(c.Context(), fmt.Sprintf("key%03d", i), string(value))
		if err != nil {
			require.ErrorIs(t, err, rpctypes.ErrNoSpace)
			return
		}
	}
	require.FailNow(t, "the quota is never exceeded")
}

// makeRoom deletes everything, gives the space back on every member, and waits until the alarm is gone.
func makeRoom(t *testing.T, c *servertest.Cluster, client *clientv3.Client) {
	t.Helper()
	deleted, err := client.Delete(c.Context(), "key", clientv3.WithPrefix())
	require.NoError(t, err)
	_, err = client.Compact(c.Context(), deleted.Header.Revision, clientv3.WithCompactPhysical())
	require.NoError(t, err)
	c.Eventually(func() bool {
		for _, m := range c.Members {
			require.NoError(t, m.Server.Replica().Store().Defragment(c.Context()))
		}
		return noSpace(c.Leader()) == 0
	}, "the alarm goes away by itself")
}

// The alarm of a full member outlives a restart and a change of leader, and goes away by itself once there is room.
func TestQuotaHealsItself(t *testing.T) {
	for name, disturb := range map[string]func(t *testing.T, c *servertest.Cluster){
		"leader change": func(_ *testing.T, c *servertest.Cluster) {
			old := c.Leader()
			old.Kill()
			c.Leader()
			old.Restart()
		},
		"restart of all": func(_ *testing.T, c *servertest.Cluster) {
			for _, m := range c.Members {
				m.Stop()
			}
			for _, m := range c.Members {
				m.Start()
			}
			for _, m := range c.Members {
				m.WaitReady()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := servertest.Start(t, 3, servertest.WithConfig(func(c *config.Config) { c.QuotaBytes = 8 << 20 }))
			fillUp(t, c, c.Client())
			require.Positive(t, noSpace(c.Leader()))
			disturb(t, c)
			c.Eventually(func() bool { return noSpace(c.Leader()) > 0 }, "the alarm is still raised")
			client := c.Client()
			_, err := client.Put(c.Context(), "key", "value")
			require.ErrorIs(t, err, rpctypes.ErrNoSpace)
			makeRoom(t, c, client)
			_, err = client.Put(c.Context(), "key", "value")
			require.NoError(t, err)
		})
	}
}

// A learner that has caught up gets its vote by itself, with the gate alone.
func TestLearnerIsPromotedByItself(t *testing.T) {
	c := servertest.Start(t, 1, servertest.WithConfig(func(c *config.Config) { c.FeatureGates["AutoPromoteLearners"] = true }))
	client := c.Client(c.Members[0])
	fillKeys(t, c, client, 0, 100)
	added := c.Add(client, true)
	c.Eventually(func() bool { return !added.Server.Replica().Cluster().IsLocalLearner() }, "it has a vote")
	require.Len(t, c.Members[0].Server.Replica().Cluster().Voters(), 2)
}
