package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/servertest"
)

// shortLog makes members keep very little of their logs.
func shortLog(c *config.Config) { c.SnapshotCount, c.SnapshotCatchUpEntries = 50, 10 }

// fill writes n keys, and makes what is written durable so that the log may be shortened.
func fill(t *testing.T, c *servertest.Cluster, m *servertest.Member, prefix string, n int) {
	t.Helper()
	client := c.Client(m)
	for i := range n {
		put(t, c, client, fmt.Sprintf("%s%04d", prefix, i), strings.Repeat("x", 100))
		if i%25 == 0 {
			require.NoError(t, m.Server.Replica().Store().Flush())
		}
	}
}

func TestMemberFarBehindGetsASnapshot(t *testing.T) {
	c := servertest.Start(t, 3, servertest.WithConfig(shortLog))
	leader, behind := c.Leader(), c.Follower()
	fill(t, c, leader, "a", 10)
	behind.Kill()
	lease, err := c.Client(leader).Grant(c.Context(), 600)
	require.NoError(t, err)
	fill(t, c, leader, "b", 300)
	behind.Restart()
	client := c.Client(behind)
	got, err := client.Get(c.Context(), "b0299")
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1)
	ttl, err := client.TimeToLive(c.Context(), lease.ID)
	require.NoError(t, err)
	require.EqualValues(t, 600, ttl.GrantedTTL)
	requireEqualHashes(t, c)

	// It goes on from the snapshot after a crash, and takes part.
	fill(t, c, leader, "c", 20)
	behind.Kill()
	behind.Restart()
	requireEqualHashes(t, c)
}

func TestLearnerStartsFromASnapshot(t *testing.T) {
	c := servertest.Start(t, 1, servertest.WithConfig(shortLog))
	fill(t, c, c.Members[0], "a", 200)
	learner := c.Add(c.Client(c.Members[0]), true)
	require.True(t, learner.Server.Replica().Status().IsLearner)
	require.Len(t, learner.Server.Replica().Cluster().Members(), 2)
	promote(t, c, c.Client(c.Members[0]), learner.ID)
	requireEqualHashes(t, c)
}

func TestRestartReplaysWhatTheCrashTook(t *testing.T) {
	c := servertest.Start(t, 1, servertest.WithConfig(shortLog))
	for round := range 5 {
		fill(t, c, c.Members[0], fmt.Sprint(round), 60)
		c.Members[0].Kill()
		c.Members[0].Restart()
	}
	got, err := c.Client().Get(c.Context(), "", prefixed, countOnly)
	require.NoError(t, err)
	require.EqualValues(t, 300, got.Count)
}

// requireEqualHashes waits until all members that run have applied the same, and compares their HashKV.
func requireEqualHashes(t *testing.T, c *servertest.Cluster) {
	t.Helper()
	c.Eventually(func() bool {
		var applied []uint64
		for _, m := range c.Members {
			if m.Server != nil {
				applied = append(applied, m.Server.Replica().Status().AppliedIndex)
			}
		}
		for _, a := range applied {
			if a != applied[0] {
				return false
			}
		}
		return true
	}, "all members applied the same")
	var first uint32
	for i, m := range c.Members {
		if m.Server == nil {
			continue
		}
		hash, _, _, _, err := m.Server.Replica().Store().HashKV(t.Context(), 0)
		require.NoError(t, err)
		if i == 0 {
			first = hash
		}
		require.Equal(t, first, hash, "HashKV of member %d", i)
	}
}
