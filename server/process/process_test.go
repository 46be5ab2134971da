package process_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// peer returns a real etcd's binary, or ends the test when it was not fetched.
func peer(t *testing.T) string {
	t.Helper()
	b, err := process.Locate(t.Context(), process.Etcd373, "")
	if errors.Is(err, process.ErrNoBinary) {
		t.Skip("real etcd not fetched: ", err)
	}
	require.NoError(t, err)
	return b.Etcd
}

func startCluster(t *testing.T, members int) (*process.Cluster, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	c, err := process.Start(ctx, process.Config{Binary: peer(t), Members: members, Root: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, ctx
}

func TestMemberSurvivesKillAndKeepsItsPlace(t *testing.T) {
	c, ctx := startCluster(t, 1)
	m := c.Member(0)
	pid := m.PID()

	require.ErrorIs(t, m.Start(), process.ErrRunning)
	require.NoError(t, m.Kill())
	require.False(t, m.Running())
	require.ErrorIs(t, m.Kill(), process.ErrNotRunning)
	code, err := m.Wait(ctx)
	require.NoError(t, err)
	require.Equal(t, -1, code)

	require.NoError(t, m.Start())
	require.NoError(t, m.WaitHealthy(ctx))
	require.NotEqual(t, pid, m.PID())
	require.DirExists(t, m.DataDir)
	require.Contains(t, m.LogTail(1000), "ready to serve client requests")
}

func TestPausedMemberAnswersNothingUntilResumed(t *testing.T) {
	c, ctx := startCluster(t, 1)
	m := c.Member(0)
	require.NoError(t, m.Pause())
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, _, err := m.Get(short, "/health")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, m.Resume())
	require.NoError(t, m.WaitHealthy(ctx))

	require.NoError(t, m.Pause())
	require.NoError(t, m.Stop(5*time.Second), "a paused member can be stopped")
}

func TestThreeMembersServeWithoutOne(t *testing.T) {
	c, ctx := startCluster(t, 3)
	require.Len(t, c.Endpoints(), 3)
	require.NoError(t, c.Member(2).Kill())
	require.NoError(t, c.Member(0).WaitHealthy(ctx))
	require.NoError(t, c.Member(2).Start())
	require.NoError(t, c.WaitHealthy(ctx))
}

func TestWaitHealthyTellsWhyAMemberDied(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := process.Start(ctx, process.Config{Binary: peer(t), Root: t.TempDir(), Flags: []string{"--heartbeat-interval=never"}})
	require.ErrorIs(t, err, process.ErrExited)
	require.ErrorContains(t, err, "heartbeat-interval")
}

func TestStartNeedsABinary(t *testing.T) {
	_, err := process.Start(t.Context(), process.Config{Binary: "/nowhere/etcd", Root: t.TempDir()})
	require.ErrorIs(t, err, process.ErrNoBinary)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWaitHealthyTellsWhereAMemberHangs(t *testing.T) {
	c, _ := startCluster(t, 1)
	m := c.Member(0)
	require.NoError(t, m.Pause())
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := m.WaitHealthy(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "goroutine ")
	require.False(t, m.Running())
}
