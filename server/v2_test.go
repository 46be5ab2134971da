package server_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/servertest"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// setV2 sets a key of API 2 through a member, for a time unless that is 0.
func setV2(t *testing.T, c *servertest.Cluster, m *servertest.Member, path string, life time.Duration) *v2store.Event {
	t.Helper()
	req := &v2pb.Request{Method: "PUT", Path: path, Val: "value"}
	if life > 0 {
		req.Expiration = time.Now().Add(life).UnixNano()
	}
	e, err := m.Server.Replica().ProposeV2(c.Context(), req)
	require.NoError(t, err)
	return e
}

// requireEqualTrees waits until all members hold the same state, the v2 tree included.
func requireEqualTrees(t *testing.T, c *servertest.Cluster) {
	t.Helper()
	c.Eventually(func() bool {
		seen := map[string]bool{}
		for _, m := range c.Members {
			s := m.Server.Replica().Store()
			applied, _ := s.Applied()
			hash, err := s.Hash()
			require.NoError(t, err)
			seen[fmt.Sprint(applied, s.V2Index(), hash)] = true
		}
		return len(seen) == 1
	}, "all members have the same tree")
}

// TestV2KeysExpireUnderANewLeader has keys whose time ends while leadership moves.
func TestV2KeysExpireUnderANewLeader(t *testing.T) {
	c := servertest.Start(t, 3)
	leader, next := c.Leader(), c.Follower()
	w, err := next.Server.Replica().Store().V2Watch("/1", true, true, 0)
	require.NoError(t, err)
	defer w.Close()
	setV2(t, c, next, "/1/a", time.Second)
	setV2(t, c, leader, "/1/keep", 0)
	setV2(t, c, leader, "/1/b", 1500*time.Millisecond)
	_, err = c.Client(leader).MoveLeader(c.Context(), next.ID)
	require.NoError(t, err)
	// A slow machine may end /1/a before /1/b is set.
	seen := map[string][]v2store.Action{}
	for range 5 {
		e, err := w.Next(c.Context())
		require.NoError(t, err)
		seen[e.Node.Key] = append(seen[e.Node.Key], e.Action)
		if e.Action == v2store.Expire {
			require.Falsef(t, time.Now().Before(*e.PrevNode.Expiration), "%s ended early", e.Node.Key)
		}
	}
	require.Equal(t, map[string][]v2store.Action{
		"/1/a": {v2store.Set, v2store.Expire}, "/1/b": {v2store.Set, v2store.Expire}, "/1/keep": {v2store.Set},
	}, seen)
	requireEqualTrees(t, c)
}

// TestV2MemberFarBehindGetsTheTree lets a member miss more than the log keeps.
func TestV2MemberFarBehindGetsTheTree(t *testing.T) {
	c := servertest.Start(t, 3, servertest.WithConfig(shortLog))
	leader, behind := c.Leader(), c.Follower()
	setV2(t, c, leader, "/1/dir/old", 0)
	behind.Kill()
	for i := range 200 {
		setV2(t, c, leader, fmt.Sprintf("/1/dir/%d", i), time.Hour)
		if i%25 == 0 {
			require.NoError(t, leader.Server.Replica().Store().Flush())
		}
	}
	behind.Restart()
	requireEqualTrees(t, c)
	w, err := behind.Server.Replica().Store().V2Watch("/1/dir/7", false, false, 1)
	require.NoError(t, err)
	e, err := w.Next(c.Context())
	require.NoError(t, err)
	require.EqualValues(t, 9, e.Node.ModifiedIndex)

	_, err = behind.Server.Replica().ProposeV2(c.Context(), &v2pb.Request{Method: "DELETE", Path: "/1/dir"})
	var refused *v2store.Error
	require.True(t, errors.As(err, &refused))
	require.Equal(t, v2store.Error{Code: v2store.CodeNotFile, Cause: "/1/dir", Index: 201}, *refused)
	_, err = behind.Server.Replica().ProposeV2(c.Context(), &v2pb.Request{Method: "DELETE", Path: "/1/dir", Recursive: true})
	require.NoError(t, err)
	requireEqualTrees(t, c)
	_, ok, err := behind.Server.Replica().Store().V2NextExpiry()
	require.NoError(t, err)
	require.False(t, ok)
}
