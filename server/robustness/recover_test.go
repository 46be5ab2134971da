package robustness

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/etcdutl"
	"github.com/petcd/petcd/server/process"
)

// recoverDirs runs `etcdutl recover` and returns its exit code and what it wrote.
func recoverDirs(args ...string) (int, string) {
	var out bytes.Buffer
	code := etcdutl.Run(etcdutl.Process{Args: append([]string{"recover", "--timeout=1s"}, args...), Stdout: &out, Stderr: &out})
	return code, out.String()
}

// TestRecoverFromOneSurvivor destroys two of three members under load. One command makes the third serve again, with every
// write that was acknowledged through it, and it grows to three members again.
func TestRecoverFromOneSurvivor(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := threeMembers(t)
	at := (c.leader(t.Context()) + 1) % 3 // a follower: its commit index trails
	survivor := c.procs.Member(at)
	w := startWriters(t.Context(), c, at)
	require.Eventually(t, func() bool { return w.progress() > 500 }, 30*time.Second, 10*time.Millisecond)
	for _, m := range c.procs.Members() {
		if m != survivor {
			require.NoError(t, m.Kill())
			require.NoError(t, os.RemoveAll(m.DataDir))
		}
	}
	code, out := recoverDirs(survivor.DataDir)
	require.Equal(t, 1, code, "its server still runs: %s", out)
	require.Contains(t, out, "in use by another process")
	w.stop()
	require.NoError(t, survivor.Kill())
	w.wg.Wait()

	code, out = recoverDirs("--dry-run", survivor.DataDir)
	require.Zero(t, code, out)
	require.Contains(t, out, "1 of 3 voters were given: writes that were acknowledged by the others alone are gone.")
	begun := time.Now()
	code, out = recoverDirs(survivor.DataDir)
	require.Zero(t, code, out)
	require.Contains(t, out, "is the only member of cluster")
	require.NoError(t, survivor.Start())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, survivor.WaitHealthy(ctx))
	_, err := pb.NewKVClient(c.conns[at]).Put(ctx, &pb.PutRequest{Key: []byte("again")})
	require.NoError(t, err)
	t.Logf("serves again after %v", time.Since(begun))
	require.Less(t, time.Since(begun), time.Minute)

	require.Equal(t, []string{survivor.Name}, voters(t, c, at))
	state, err := readState(ctx, c.conns[at], "w", 0)
	require.NoError(t, err)
	for key, value := range w.acked {
		acked, err := strconv.Atoi(value)
		require.NoError(t, err)
		have, err := strconv.Atoi(state[key].Value)
		require.NoError(t, err, key)
		// A write that was not acknowledged may have come after.
		require.GreaterOrEqual(t, have, acked, key)
	}
	c.forgetOthers(survivor)
	grow(t, c, at)
	grow(t, c, at)
	require.Len(t, voters(t, c, at), 3)
	again := startWriters(t.Context(), c, at)
	require.Eventually(t, func() bool { return again.progress() > 100 }, 30*time.Second, 10*time.Millisecond)
	again.stop()
	again.wg.Wait()
	require.Empty(t, again.errs)
}

// forgetOthers drops the members that are gone for good from the flags of those that are started from now on.
func (c *Cluster) forgetOthers(kept *process.Member) {
	for _, m := range c.procs.Members() {
		if m != kept {
			c.procs.Forget(m)
		}
	}
}

// TestRecoverChoosesTheBest gives two survivors, of which one was away for a while: the other is chosen, and has all.
func TestRecoverChoosesTheBest(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := threeMembers(t)
	leader := c.leader(t.Context())
	behind, ahead := c.procs.Member((leader+1)%3), c.procs.Member((leader+2)%3)
	require.NoError(t, behind.Kill())
	w := startWriters(t.Context(), c, leader)
	require.Eventually(t, func() bool { return w.progress() > 200 }, 30*time.Second, 10*time.Millisecond)
	w.stop()
	w.wg.Wait()
	require.Empty(t, w.errs)
	require.NoError(t, c.procs.Member(leader).Kill())
	require.NoError(t, os.RemoveAll(c.procs.Member(leader).DataDir))
	require.NoError(t, ahead.Kill())

	port, err := process.FreePort()
	require.NoError(t, err)
	moved := "http://127.0.0.1:" + strconv.Itoa(port)
	code, out := recoverDirs("--name=moved", "--initial-advertise-peer-urls="+moved, behind.DataDir, ahead.DataDir)
	require.Zero(t, code, out)
	require.Contains(t, out, "Chosen: "+ahead.DataDir)
	require.Contains(t, out, "2 of 3 voters were given: every write that was acknowledged is in it.")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	alone, err := StartCluster(ctx, server(t), t.TempDir(), 1, "--name=moved", "--data-dir="+ahead.DataDir)
	require.NoError(t, err)
	defer func() { require.NoError(t, alone.Close()) }()
	list, err := pb.NewClusterClient(alone.conns[0]).MemberList(ctx, &pb.MemberListRequest{Linearizable: true})
	require.NoError(t, err)
	require.Len(t, list.Members, 1)
	require.Equal(t, "moved", list.Members[0].Name)
	require.Equal(t, []string{moved}, list.Members[0].PeerURLs)
	state, err := readState(ctx, alone.conns[0], "w", 0)
	require.NoError(t, err)
	for key, value := range w.acked {
		require.Equal(t, value, state[key].Value, key)
	}

	// What a server left damaged, or never had, is refused.
	code, out = recoverDirs(t.TempDir())
	require.Equal(t, 1, code)
	require.Contains(t, out, "no member's data directory")
}
