package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/servertest"
)

func put(t *testing.T, c *servertest.Cluster, client *clientv3.Client, key, value string) {
	t.Helper()
	_, err := client.Put(c.Context(), key, value)
	require.NoError(t, err)
}

// putSoon writes through a member whose leader may just have been lost, and with it the proposal.
func putSoon(t *testing.T, c *servertest.Cluster, client *clientv3.Client, key, value string) {
	t.Helper()
	c.Leader()
	put(t, c, client, key, value)
}

func requireValue(t *testing.T, c *servertest.Cluster, client *clientv3.Client, key, value string) {
	t.Helper()
	got, err := client.Get(c.Context(), key)
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1)
	require.Equal(t, value, string(got.Kvs[0].Value))
}

// promote promotes a learner as soon as it has caught up.
func promote(t *testing.T, c *servertest.Cluster, client *clientv3.Client, id uint64) {
	t.Helper()
	c.Eventually(func() bool {
		_, err := client.MemberPromote(c.Context(), id)
		if err != nil {
			require.ErrorIs(t, err, rpctypes.ErrMemberLearnerNotReady)
		}
		return err == nil
	}, "the learner catches up")
}

func TestGrowFromOneToThreeByLearners(t *testing.T) {
	c := servertest.Start(t, 1)
	client := c.Client()
	put(t, c, client, "key", "value")
	for range 2 {
		m := c.Add(client, true)
		require.True(t, m.Server.Replica().Status().IsLearner)
		promote(t, c, client, m.ID)
		c.Eventually(func() bool { return !m.Server.Replica().Status().IsLearner }, "the member knows that it votes")
	}
	c.Members[0].Kill()
	rest := c.Client(c.Members[1], c.Members[2])
	putSoon(t, c, rest, "key", "after")
	requireValue(t, c, rest, "key", "after")
}

func TestLearnerIsPromotedThroughAFollower(t *testing.T) {
	c := servertest.Start(t, 3)
	follower := c.Follower()
	learner := c.Add(c.Client(), true)
	promote(t, c, c.Client(follower), learner.ID)
	_, err := c.Client(follower).MemberPromote(c.Context(), learner.ID)
	require.ErrorIs(t, err, rpctypes.ErrMemberNotLearner)
	_, err = c.Client(follower).MemberPromote(c.Context(), 4711)
	require.ErrorIs(t, err, rpctypes.ErrMemberNotFound)
}

func TestLearnersAreLimited(t *testing.T) {
	c := servertest.Start(t, 1)
	client := c.Client()
	c.Add(client, true)
	_, err := client.MemberAddAsLearner(c.Context(), []string{"http://127.0.0.1:1"})
	require.ErrorIs(t, err, rpctypes.ErrTooManyLearners)
}

func TestLearnerThatDoesNotRunIsNotReady(t *testing.T) {
	c := servertest.Start(t, 1)
	client := c.Client()
	for i := range 20 {
		put(t, c, client, "key", fmt.Sprint(i))
	}
	added, err := client.MemberAddAsLearner(c.Context(), []string{"http://127.0.0.1:1"})
	require.NoError(t, err)
	_, err = client.MemberPromote(c.Context(), added.Member.ID)
	require.ErrorIs(t, err, rpctypes.ErrMemberLearnerNotReady)
}

func TestRemovedMemberStopsAndStaysOut(t *testing.T) {
	c := servertest.Start(t, 3)
	gone := c.Follower()
	var rest []*servertest.Member
	for _, m := range c.Members {
		if m != gone {
			rest = append(rest, m)
		}
	}
	client := c.Client(rest...)
	c.Eventually(func() bool { // until the members have been connected long enough
		_, err := client.MemberRemove(c.Context(), gone.ID)
		return err == nil
	}, "the removal is accepted")
	select {
	case err := <-gone.Server.Err():
		require.ErrorIs(t, err, replica.ErrRemoved)
	case <-c.Context().Done():
		require.FailNow(t, "the removed member runs on")
	}
	require.NoError(t, gone.Server.Close())
	gone.Server = nil
	require.Equal(t, http.StatusGone, askMembers(t, c, rest[0], gone), "who was removed learns it when he asks")
	require.Equal(t, http.StatusOK, askMembers(t, c, rest[0], rest[1]))
	// It knows of its removal, or was told before its own log said so, and is told again.
	if err := gone.TryStart(); err == nil {
		require.ErrorIs(t, <-gone.Server.Err(), replica.ErrRemoved)
		require.NoError(t, gone.Server.Close())
		gone.Server = nil
	} else {
		require.ErrorIs(t, err, replica.ErrRemoved)
	}
	put(t, c, client, "key", "value")
	list, err := client.MemberList(c.Context())
	require.NoError(t, err)
	require.Len(t, list.Members, 2)
	_, err = client.MemberRemove(c.Context(), gone.ID)
	require.ErrorIs(t, err, rpctypes.ErrMemberNotFound)
}

// askMembers asks one member, in the name of another, who belongs to the cluster, and returns the status.
func askMembers(t *testing.T, c *servertest.Cluster, of, as *servertest.Member) int {
	t.Helper()
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, peerURL(of)+"/members", nil)
	require.NoError(t, err)
	req.Header.Set("X-Server-From", types.ID(as.ID).String())
	req.Header.Set("X-Etcd-Cluster-ID", types.ID(of.Server.Replica().Cluster().ID()).String())
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func TestMemberThatMissedItsRemovalIsTold(t *testing.T) {
	c := servertest.Start(t, 3)
	gone := c.Follower()
	var rest []*servertest.Member
	for _, m := range c.Members {
		if m != gone {
			rest = append(rest, m)
		}
	}
	gone.Kill()
	client := c.Client(rest...)
	c.Eventually(func() bool {
		_, err := client.MemberRemove(c.Context(), gone.ID)
		return err == nil
	}, "the removal is accepted")
	gone.Start()
	select {
	case err := <-gone.Server.Err():
		require.ErrorIs(t, err, replica.ErrRemoved)
	case <-c.Context().Done():
		require.FailNow(t, "nobody told the removed member")
	}
	require.NoError(t, gone.Server.Close())
	gone.Server = nil
}

func TestRemovingTheLeader(t *testing.T) {
	c := servertest.Start(t, 3)
	leader := c.Leader()
	client := c.Client(leader)
	c.Eventually(func() bool {
		_, err := client.MemberRemove(c.Context(), leader.ID)
		return err == nil || errors.Is(err, rpctypes.ErrMemberNotFound)
	}, "the removal is accepted")
	select {
	case err := <-leader.Server.Err():
		require.ErrorIs(t, err, replica.ErrRemoved)
	case <-c.Context().Done():
		require.FailNow(t, "the removed leader runs on")
	}
	require.NoError(t, leader.Server.Close())
	leader.Server = nil
	c.Leader()
}

// Who is told that one of two members is removed may end it at once. The other one serves on alone.
func TestRemovedLeaderOfTwoMayEndAtOnce(t *testing.T) {
	c := servertest.Start(t, 2)
	leader, rest := c.Leader(), c.Follower()
	client := c.Client(leader)
	c.Eventually(func() bool {
		_, err := client.MemberRemove(c.Context(), leader.ID)
		return err == nil
	}, "the removal is accepted")
	leader.Kill()
	c.Leader()
	put(t, c, c.Client(rest), "key", "value")
}

func TestUnsafeChangesAreRefused(t *testing.T) {
	c := servertest.Start(t, 2)
	client := c.Client(c.Leader())
	c.Follower().Kill()
	_, err := client.MemberAdd(c.Context(), []string{"http://127.0.0.1:1"})
	require.ErrorIs(t, err, rpctypes.ErrUnhealthy)
}

func TestPeerURLsAreUnique(t *testing.T) {
	c := servertest.Start(t, 1)
	client := c.Client()
	taken := c.Members[0].Config.AdvertisePeerURLs[0].String()
	_, err := client.MemberAddAsLearner(c.Context(), []string{taken})
	require.ErrorIs(t, err, rpctypes.ErrPeerURLExist)
	_, err = client.MemberUpdate(c.Context(), 4711, []string{"http://127.0.0.1:1"})
	require.ErrorIs(t, err, rpctypes.ErrMemberNotFound)
}

func TestUpdateReplacesOnlyPeerURLs(t *testing.T) {
	c := servertest.Start(t, 1)
	client := c.Client()
	added, err := client.MemberAddAsLearner(c.Context(), []string{"http://127.0.0.1:1"})
	require.NoError(t, err)
	_, err = client.MemberUpdate(c.Context(), added.Member.ID, []string{"http://127.0.0.1:2"})
	require.NoError(t, err)
	list, err := client.MemberList(c.Context())
	require.NoError(t, err)
	for _, m := range list.Members {
		if m.ID == added.Member.ID {
			require.Equal(t, []string{"http://127.0.0.1:2"}, m.PeerURLs)
			require.True(t, m.IsLearner, "an update must not promote")
		}
	}
}

func TestForceNewClusterKeepsDataAndDropsAllOthers(t *testing.T) {
	c := servertest.Start(t, 3)
	client := c.Client()
	c.Add(client, true)
	last := c.Follower()
	for i := range 50 {
		put(t, c, client, fmt.Sprint("key", i), "value")
	}
	leader := c.Leader()
	c.Eventually(func() bool { // it may have been the one that a quorum did without
		return last.Server.Replica().Store().Revision() == leader.Server.Replica().Store().Revision()
	}, "the follower has everything")
	for _, m := range c.Members {
		m.Kill()
	}
	last.Config.ForceNewCluster = true
	last.Restart()
	alone := c.Client(last)
	for i := range 50 {
		requireValue(t, c, alone, fmt.Sprint("key", i), "value")
	}
	list, err := alone.MemberList(c.Context())
	require.NoError(t, err)
	require.Len(t, list.Members, 1)
	put(t, c, alone, "key", "after")

	last.Kill()
	last.Config.ForceNewCluster = false
	last.Restart()
	requireValue(t, c, c.Client(last), "key", "after")
}

func TestJoinChecksTheRunningCluster(t *testing.T) {
	c := servertest.Start(t, 1)
	other := servertest.New(t, 2).Members[1]
	other.Config.InitialClusterState = config.ClusterStateExisting
	other.Config.InitialCluster = types.URLsMap{
		c.Members[0].Config.Name: c.Members[0].Config.AdvertisePeerURLs,
		other.Config.Name:        other.Config.AdvertisePeerURLs,
	}
	require.ErrorContains(t, other.TryStart(), "member count is unequal")
}

func TestFounderThatLostItsDataIsRefused(t *testing.T) {
	c := servertest.Start(t, 3)
	lost := c.Follower()
	lost.Kill()
	fresh := servertest.New(t, 1).Members[0]
	lost.FS = fresh.FS
	require.ErrorContains(t, lost.TryStart(), "already been bootstrapped")
}

func TestMoveLeader(t *testing.T) {
	c := servertest.Start(t, 3)
	leader, follower := c.Leader(), c.Follower()
	_, err := c.Client(follower).MoveLeader(c.Context(), follower.ID)
	require.ErrorIs(t, err, rpctypes.ErrNotLeader)
	_, err = c.Client(leader).MoveLeader(c.Context(), 4711)
	require.ErrorIs(t, err, rpctypes.ErrBadLeaderTransferee)
	_, err = c.Client(leader).MoveLeader(c.Context(), follower.ID)
	require.NoError(t, err)
	require.Equal(t, follower, c.Leader())
}

func TestStoppingLeaderHandsOnWithoutAnElectionTimeout(t *testing.T) {
	c := servertest.Start(t, 3)
	leader := c.Leader()
	client := c.Client(c.Follower())
	start := time.Now()
	leader.Stop()
	require.Less(t, time.Since(start), 1500*time.Millisecond)
	putSoon(t, c, client, "key", "value")
}
