package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/corruption"
	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/servertest"
	"github.com/petcd/petcd/storage"
)

// checkEvery has all members check by themselves at a pace for tests.
func checkEvery(present, compaction time.Duration) servertest.Option {
	return servertest.WithConfig(func(c *config.Config) {
		c.CorruptCheckTime, c.CompactHashCheckTime = present, compaction
		c.ListenMetricsURLs = freeURL()
	})
}

// plant changes a key in one member's state alone, without a log entry: the fault that the checks are for. The member must
// be stopped.
func plant(t *testing.T, m *servertest.Member, key string) {
	t.Helper()
	s, err := storage.Open("/data/member/state", storage.Options{FS: m.FS})
	require.NoError(t, err)
	index, term := s.Applied()
	b := s.NewBatch()
	tx := b.Begin()
	require.NoError(t, tx.Put([]byte(key), []byte("planted"), 0))
	tx.End()
	require.NoError(t, b.Commit(index, term))
	require.NoError(t, s.Flush())
	require.NoError(t, s.Close())
}

// corruptAlarms are the members that the CORRUPT alarm is raised for.
func corruptAlarms(m *servertest.Member) (ids []uint64) {
	for _, a := range m.Server.Replica().Alarms(pb.AlarmType_CORRUPT) {
		ids = append(ids, a.MemberID)
	}
	return ids
}

// fillKeys writes keys from a to b.
func fillKeys(t *testing.T, c *servertest.Cluster, client *clientv3.Client, from, to int) (revision int64) {
	t.Helper()
	for i := from; i < to; i++ {
		resp, err := client.Put(c.Context(), fmt.Sprintf("key%03d", i%50), fmt.Sprint(i))
		require.NoError(t, err)
		revision = resp.Header.Revision
	}
	return revision
}

// corrupted is a cluster of three in which one follower's state was changed behind its back. The revision is the same on
// all: the other members got a write that the changed one passes over.
func corrupted(t *testing.T, o servertest.Option) (*servertest.Cluster, *servertest.Member) {
	t.Helper()
	c := servertest.Start(t, 3, o)
	fillKeys(t, c, c.Client(), 0, 100)
	bad := c.Follower()
	c.Eventually(func() bool {
		return bad.Server.Replica().Store().Revision() == c.Leader().Server.Replica().Store().Revision()
	}, "the follower has all")
	require.NoError(t, bad.Server.Replica().Store().Flush())
	bad.Stop()
	plant(t, bad, "key000")
	return c, bad
}

func TestInitialCheckRefusesToServeWhatDiffers(t *testing.T) {
	c, bad := corrupted(t, checkEvery(0, 0))
	fillKeys(t, c, c.Client(c.Leader()), 100, 101)
	require.ErrorIs(t, bad.TryStart(), corruption.ErrInconsistent)
	bad.Config.FeatureGates["InitialCorruptCheck"] = false
	bad.Restart() // without the check it would serve
}

// The damage of one member keeps no other from starting: they are the majority.
func TestAHealthyMemberStartsBesideABadOne(t *testing.T) {
	c, bad := corrupted(t, checkEvery(0, 0))
	revision := fillKeys(t, c, c.Client(c.Leader()), 100, 101)
	bad.Config.FeatureGates["InitialCorruptCheck"] = false
	bad.Restart()
	for _, m := range c.Members {
		if m == bad {
			continue
		}
		c.Eventually(func() bool { return m.Server.Replica().Store().Revision() >= revision }, "it has what the bad one lacks")
		require.NoError(t, m.Server.Replica().Store().Flush())
		m.Stop()
		m.Restart()
	}
	bad.Stop()
	revision = fillKeys(t, c, c.Client(c.Leader()), 101, 102) // the bad one has a revision of its own, too
	for _, m := range c.Members {
		c.Eventually(func() bool { return m == bad || m.Server.Replica().Store().Revision() >= revision }, "it can be compared")
	}
	bad.Config.FeatureGates["InitialCorruptCheck"] = true
	require.ErrorIs(t, bad.TryStart(), corruption.ErrInconsistent)
}

func TestPeriodicCheckRaisesTheAlarm(t *testing.T) {
	c, bad := corrupted(t, checkEvery(100*time.Millisecond, 0))
	bad.Config.FeatureGates["InitialCorruptCheck"] = false
	fillKeys(t, c, c.Client(c.Leader()), 100, 101)
	bad.Start()
	requireCorrupt(t, c, bad)
}

func TestCompactionCheckRaisesTheAlarm(t *testing.T) {
	c, bad := corrupted(t, checkEvery(0, 100*time.Millisecond))
	bad.Config.FeatureGates["InitialCorruptCheck"] = false
	revision := fillKeys(t, c, c.Client(c.Leader()), 100, 110)
	bad.Start()
	_, err := c.Client(c.Leader()).Compact(c.Context(), revision)
	require.NoError(t, err)
	requireCorrupt(t, c, bad)
}

// requireCorrupt waits until bad is blamed, and looks at what follows from that.
func requireCorrupt(t *testing.T, c *servertest.Cluster, bad *servertest.Member) {
	t.Helper()
	c.Eventually(func() bool { return len(corruptAlarms(c.Leader())) > 0 }, "the alarm is raised")
	require.Equal(t, []uint64{bad.ID}, corruptAlarms(c.Leader()))
	client := c.Client(c.Leader())
	_, err := client.Put(c.Context(), "key", "value")
	require.ErrorIs(t, err, rpctypes.ErrCorrupt)
	status, body := get(t, c.Leader(), "/readyz/data_corruption")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "alarm activated: CORRUPT")
}

// get asks a member over HTTP.
func get(t *testing.T, m *servertest.Member, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + m.Config.ListenMetricsURLs[0].Host + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestHealthyClusterRaisesNoAlarmUnderLoad(t *testing.T) {
	c := servertest.Start(t, 3, checkEvery(10*time.Millisecond, 10*time.Millisecond))
	client := c.Client()
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	writers := make(chan int64, 4)
	for w := range cap(writers) {
		go func() {
			var revision int64
			defer func() { writers <- revision }()
			for i := 0; ctx.Err() == nil; i++ {
				resp, err := client.Put(ctx, fmt.Sprintf("key%d-%d", w, i%30), strings.Repeat("x", i%100))
				if err != nil {
					return
				}
				revision = resp.Header.Revision
				if i%20 == 19 {
					_, _ = client.Compact(ctx, revision-int64(i%10))
					_, _ = client.Delete(ctx, fmt.Sprintf("key%d-", w), clientv3.WithPrefix())
				}
			}
		}()
	}
	for range cap(writers) {
		require.Positive(t, <-writers)
	}
	for _, m := range c.Members {
		require.Empty(t, corruptAlarms(m))
	}
	status, body := get(t, c.Leader(), "/readyz/data_corruption")
	require.Equal(t, http.StatusOK, status, body)
}

func TestMembersThatStartTogetherCheckEachOther(t *testing.T) {
	c := servertest.Start(t, 3, checkEvery(0, 0))
	fillKeys(t, c, c.Client(), 0, 10)
	for _, m := range c.Members {
		m.Stop()
	}
	started := make(chan error, 3)
	begun := time.Now()
	for _, m := range c.Members {
		go func() { started <- m.TryStart() }()
	}
	for range c.Members {
		require.NoError(t, <-started)
	}
	require.Less(t, time.Since(begun), 8*time.Second, "nobody waits until another gives up")
	for _, m := range c.Members {
		m.WaitReady()
	}
}

// freeURL is a URL on a port that was free.
func freeURL() []url.URL {
	port, err := process.FreePort()
	if err != nil {
		panic(err)
	}
	return []url.URL{{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}}
}
