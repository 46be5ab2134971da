package robustness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// writers put distinct values at chosen members until stopped, and remember every acknowledged one.
type writers struct {
	stop func()
	wg   sync.WaitGroup

	mu    sync.Mutex
	count int               // acknowledged writes
	acked map[string]string // the last of each key
	errs  []error
}

// startWriters runs one writer per given member.
func startWriters(ctx context.Context, c *Cluster, members ...int) *writers {
	w := &writers{acked: make(map[string]string)}
	ctx, w.stop = context.WithCancel(ctx)
	for _, m := range members {
		kv := pb.NewKVClient(c.conns[m])
		w.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				w.put(kv, fmt.Sprintf("w%d/%d", m, i%100), fmt.Sprintf("%d", i))
			}
		})
	}
	return w
}

// put writes once; no retry, or a failed write would not show.
func (w *writers) put(kv pb.KVClient, key, value string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := kv.Put(ctx, &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("put %s at %v: %w", key, time.Now().Format(time.StampMilli), err))
		return
	}
	w.count++
	w.acked[key] = value
}

// progress is the number of acknowledged writes; it shows that writes go on.
func (w *writers) progress() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// finish stops the writers; every write must have succeeded and be in the store of every member.
func (w *writers) finish(t *testing.T, c *Cluster, members ...int) {
	t.Helper()
	w.stop()
	w.wg.Wait()
	require.Empty(t, w.errs)
	require.NotEmpty(t, w.acked)
	conns := c.conns[:0:0]
	for _, m := range members {
		conns = append(conns, c.conns[m])
	}
	revision, err := converge(t.Context(), conns)
	require.NoError(t, err)
	for _, conn := range conns {
		state, err := readState(t.Context(), conn, "w", revision)
		require.NoError(t, err)
		require.Len(t, state, len(w.acked))
		for key, value := range w.acked {
			require.Equal(t, value, state[key].Value, key)
		}
	}
}

// grow adds a member learner-first through the member at index via: add, start, catch up, promote.
func grow(t *testing.T, c *Cluster, via int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster := pb.NewClusterClient(c.conns[via])
	m, err := c.procs.Grow()
	require.NoError(t, err)
	var added *pb.MemberAddResponse
	require.Eventually(t, func() bool {
		// A member that joined a moment ago makes the cluster look unhealthy to strict reconfiguration.
		added, err = cluster.MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: []string{m.AdvertisePeerURL}, IsLearner: true})
		return err == nil || !strings.Contains(err.Error(), "unhealthy cluster")
	}, 30*time.Second, 100*time.Millisecond)
	require.NoError(t, err)
	require.True(t, added.Member.IsLearner)
	require.NoError(t, m.Start())
	require.NoError(t, m.WaitServing(ctx))
	require.NoError(t, c.dialMember(m))
	require.Eventually(t, func() bool {
		_, err = cluster.MemberPromote(ctx, &pb.MemberPromoteRequest{ID: added.Member.ID})
		return err == nil
	}, 30*time.Second, 100*time.Millisecond, "promote: %v", err)
	require.NoError(t, m.WaitHealthy(ctx), "after promotion")
}

// voters lists the names of the voting members.
func voters(t *testing.T, c *Cluster, via int) []string {
	t.Helper()
	list, err := pb.NewClusterClient(c.conns[via]).MemberList(t.Context(), &pb.MemberListRequest{Linearizable: true})
	require.NoError(t, err)
	var names []string
	for _, m := range list.Members {
		require.False(t, m.IsLearner, m.Name)
		names = append(names, m.Name)
	}
	return names
}

// TestGrowUnderLoad grows one member to three and to five while writing through the first.
func TestGrowUnderLoad(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := members(t, 1)
	w := startWriters(t.Context(), c, 0)
	defer w.stop()
	for size := 2; size <= 5; size++ {
		before := w.progress()
		grow(t, c, 0)
		require.Len(t, voters(t, c, 0), size)
		require.Eventually(t, func() bool { return w.progress() > before }, 30*time.Second, 10*time.Millisecond)
	}
	w.finish(t, c, 0, 1, 2, 3, 4)
}

// TestReplaceDeadMember loses a follower with its data, removes it and adds another in its place,
// while writing through both others.
func TestReplaceDeadMember(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := threeMembers(t)
	leader := c.leader(t.Context())
	require.GreaterOrEqual(t, leader, 0)
	dead, other := (leader+1)%3, (leader+2)%3
	w := startWriters(t.Context(), c, leader, other)
	defer w.stop()

	lost := c.procs.Member(dead)
	require.NoError(t, lost.Kill())
	require.NoError(t, os.RemoveAll(lost.DataDir))
	list, err := pb.NewClusterClient(c.conns[leader]).MemberList(t.Context(), &pb.MemberListRequest{})
	require.NoError(t, err)
	for _, m := range list.Members {
		if m.Name == lost.Name {
			_, err = pb.NewClusterClient(c.conns[leader]).MemberRemove(t.Context(), &pb.MemberRemoveRequest{ID: m.ID})
			require.NoError(t, err)
		}
	}
	c.procs.Forget(lost)
	require.NotContains(t, voters(t, c, leader), lost.Name)

	grow(t, c, leader)
	require.Len(t, voters(t, c, leader), 3)
	w.finish(t, c, leader, other, 3) // connections keep their places; the new member's is the last
}

// TestForceNewCluster loses two of three members for ever and goes on from the third.
func TestForceNewCluster(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := threeMembers(t)
	w := startWriters(t.Context(), c, 0, 1, 2)
	require.Eventually(t, func() bool { return w.progress() > 500 }, 30*time.Second, 10*time.Millisecond)
	w.finish(t, c, 0, 1, 2)
	survivor := c.procs.Member(1)
	for _, m := range c.procs.Members() {
		if m != survivor {
			require.NoError(t, m.Kill())
		}
	}
	// Killed, so that its commit index trails on disk: everything that its log holds must be there all the same.
	require.NoError(t, survivor.Kill())

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	alone, err := StartCluster(ctx, server(t), filepath.Join(t.TempDir(), "alone"), 1,
		"--name="+survivor.Name, "--data-dir="+survivor.DataDir, "--force-new-cluster")
	require.NoError(t, err)
	defer func() { require.NoError(t, alone.Close()) }()
	require.Equal(t, []string{survivor.Name}, voters(t, alone, 0))
	state, err := readState(ctx, alone.conns[0], "w", 0)
	require.NoError(t, err)
	require.Len(t, state, len(w.acked))
	for key, value := range w.acked {
		require.Equal(t, value, state[key].Value, key)
	}
	again := startWriters(ctx, alone, 0)
	require.Eventually(t, func() bool { return again.progress() > 100 }, 30*time.Second, 10*time.Millisecond)
	again.stop()
	again.wg.Wait()
	require.Empty(t, again.errs)
}
