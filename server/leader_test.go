package server_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/servertest"
)

// A leader that handed leadership on and was not told of its successor is sure of itself for less than half an election
// timeout, and no longer.
func TestADeafLeaderIsNotSureForLong(t *testing.T) {
	c := servertest.Start(t, 3)
	old, next := c.Leader(), c.Follower()
	leader := old.Server.Replica()
	c.Eventually(func() bool { return leader.EnsureLeader(c.Context()) == nil && leader.LeadsNow(false) },
		"sure by a majority's answer of a moment ago")
	require.False(t, leader.LeadsNow(true), "of three members none is sure without asking")
	c.Network.Deafen(slices.Index(c.Members, old))
	deaf := time.Now()
	moved := make(chan error, 1)
	go func() { moved <- leader.MoveLeader(c.Context(), next.ID) }()

	sure := deaf // when the newest call began that succeeded
	c.Eventually(func() bool {
		ctx, cancel := context.WithTimeout(c.Context(), old.Config.HeartbeatInterval)
		defer cancel()
		began := time.Now()
		err := leader.EnsureLeader(ctx)
		if err == nil {
			sure = began
		}
		if began = time.Now(); leader.LeadsNow(false) {
			sure = began
		}
		return err != nil && slices.ContainsFunc(c.Members, func(m *servertest.Member) bool {
			return m != old && m.Server.Replica().Status().IsLeader
		})
	}, "another leads, and the old one is not sure")
	require.Less(t, sure.Sub(deaf), old.Config.ElectionTimeout/2)
	require.ErrorIs(t, <-moved, replica.ErrTimeoutLeaderTransfer)
}
