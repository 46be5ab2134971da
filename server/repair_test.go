package server_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/servertest"
)

// flipFile turns over one bit of a file, in place.
func flipFile(t *testing.T, fs vfs.FS, name string, bit int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, bit/8)
	require.True(t, err == nil || errors.Is(err, io.EOF), "%v", err)
	b[0] ^= 1 << (bit % 8)
	_, err = f.WriteAt(b, bit/8)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

// sizes returns the files below dir that hold anything, with their sizes.
func sizes(t *testing.T, fs vfs.FS, dir string, into map[string]int64) map[string]int64 {
	t.Helper()
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		require.NoError(t, err)
		switch {
		case info.IsDir() && !strings.Contains(name, "damaged"):
			sizes(t, fs, path, into)
		case !info.IsDir() && info.Size() > 0:
			into[path] = info.Size()
		}
	}
	return into
}

// truth is all that a client can read of a member: what the others hold must be the same.
type truth struct {
	hash, old string
	keys      []string
}

// readAll reads a member by itself, without asking the others.
func readAll(c *servertest.Cluster, m *servertest.Member, client *clientv3.Client) (tr truth, err error) {
	got, err := client.Get(c.Context(), "", prefixed, clientv3.WithSerializable())
	if err != nil {
		return tr, err
	}
	for _, kv := range got.Kvs {
		tr.keys = append(tr.keys, fmt.Sprintf("%s=%s@%d", kv.Key, kv.Value, kv.ModRevision))
	}
	hash, _, compact, revision, err := m.Server.Replica().Store().HashKV(c.Context(), 0)
	if err != nil {
		return tr, err
	}
	tr.hash = fmt.Sprint(hash, compact, revision)
	before, err := client.Get(c.Context(), "", prefixed, clientv3.WithSerializable(), clientv3.WithRev(compact+1))
	if err != nil {
		return tr, err
	}
	for _, kv := range before.Kvs {
		tr.old += fmt.Sprintf("%s=%s@%d,", kv.Key, kv.Value, kv.ModRevision)
	}
	return tr, nil
}

// startRepaired starts a member that was damaged, and waits until it reads as its peers do; a member that ends to repair itself is
// started again, as its program does. Where the damage may be met by the check at start alone, the start fails of it.
func startRepaired(t *testing.T, c *servertest.Cluster, m, other *servertest.Member, mayFail bool) (restarts int) {
	t.Helper()
	for ; ; restarts++ {
		require.Less(t, restarts, 5, "it does not come to an end")
		if err := m.TryStart(); mayFail && errors.Is(err, replica.ErrDamaged) {
			continue
		} else {
			require.NoError(t, err)
		}
		ended := awaitWhole(t, c, m, other)
		if ended == nil {
			return restarts
		}
		require.ErrorIs(t, ended, replica.ErrDamaged)
		require.NoError(t, m.Server.Close())
		m.Server = nil
	}
}

// awaitWhole waits until a member has applied what another one has, reads all of it, and compares. It returns why the member ended,
// if it did: it must if anything could not be read.
func awaitWhole(t *testing.T, c *servertest.Cluster, m, other *servertest.Member) (ended error) {
	t.Helper()
	behind := func() bool {
		select {
		case <-m.Server.Ready():
			return m.Server.Replica().Status().AppliedIndex < other.Server.Replica().Status().AppliedIndex
		default:
			return true
		}
	}
	c.Eventually(func() bool {
		select {
		case ended = <-m.Server.Err():
		default:
		}
		return ended != nil || !behind()
	}, "the member catches up, or ends")
	if ended != nil {
		return ended
	}
	want, err := readAll(c, other, c.Client(other))
	require.NoError(t, err)
	got, err := readAll(c, m, c.Client(m))
	if err == nil {
		require.Equal(t, want, got, "damaged data was served")
		select {
		case ended = <-m.Server.Err():
		default:
		}
		return ended
	}
	select {
	case ended = <-m.Server.Err():
		return ended
	case <-c.Context().Done():
		require.NoError(t, err, "a read fails, and the member goes on")
	}
	return nil
}

// kind is what sort of file a path is, for the count.
func kind(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case strings.HasSuffix(name, ".log"):
		return "log"
	case strings.HasSuffix(name, ".sst"):
		return "table"
	case strings.HasPrefix(name, "MANIFEST"), strings.HasPrefix(name, "OPTIONS"):
		name, _, _ = strings.Cut(name, "-")
	}
	return name
}

// TestBitFlips turns over one bit of one member's files, again and again: whatever file it is in, the member never serves what it
// did not write, and is whole again without an operator. PETCD_FLIPS says how often.
func TestBitFlips(t *testing.T) {
	flips, seed := 15, rand.Uint64()
	if n, err := strconv.Atoi(os.Getenv("PETCD_FLIPS")); err == nil {
		flips = n
	}
	if n, err := strconv.ParseUint(os.Getenv("PETCD_SEED"), 10, 64); err == nil && n != 0 {
		seed = n
	}
	t.Logf("PETCD_SEED=%d PETCD_FLIPS=%d", seed, flips)
	rng := rand.New(rand.NewPCG(seed, 14))
	c := servertest.Start(t, 3, servertest.WithConfig(func(cfg *config.Config) {
		shortLog(cfg)
		cfg.StrictReconfigCheck = false // else who joins again waits until the others have been connected for five seconds
	}))
	client := c.Client(c.Leader())
	fill(t, c, c.Leader(), "k", 150)
	rev, err := client.Put(c.Context(), "k0000", "newer")
	require.NoError(t, err)
	_, err = client.Compact(c.Context(), rev.Header.Revision-20)
	require.NoError(t, err)
	outcomes := map[string]int{}
	for n := range flips {
		victim := c.Members[rng.IntN(3)]
		other := c.Members[(rng.IntN(2)+1+victimIndex(c, victim))%3]
		require.NoError(t, victim.Server.Replica().Store().Flush())
		victim.Stop()
		client := c.Client(other)
		c.Eventually(func() bool {
			_, err := client.Put(c.Context(), fmt.Sprintf("n%d", n), strings.Repeat("y", 50))
			return err == nil // not while a leader is elected
		}, "the others serve")
		files := sizes(t, victim.FS, "/data", map[string]int64{})
		var names []string
		for name := range files {
			names = append(names, name)
		}
		sort.Strings(names)
		name := names[rng.IntN(len(names))]
		bit := rng.Int64N(8 * files[name])
		id := victim.ID
		flipFile(t, victim.FS, name, bit)
		began := time.Now()
		restarts := startRepaired(t, c, victim, other, true)
		outcome := "harmless"
		switch {
		case victim.ID != id:
			outcome = "joined again"
		case restarts > 0:
			outcome = "state made anew after another start"
		case repairs(t, victim, "state") > 0:
			outcome = "state made anew at the start"
		}
		outcomes[kind(name)+": "+outcome]++
		t.Logf("%4d %s bit %d: %s, %v", n, name, bit, outcome, time.Since(began).Round(time.Millisecond))
		c.Eventually(func() bool { return !victim.Server.Replica().Status().IsLearner }, "it has its vote")
	}
	for _, what := range sortedKeys(outcomes) {
		t.Logf("%5d %s", outcomes[what], what)
	}
}

func victimIndex(c *servertest.Cluster, m *servertest.Member) int {
	for i, other := range c.Members {
		if other == m {
			return i
		}
	}
	return -1
}

func sortedKeys(m map[string]int) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// repairs reads how often the last start of a member repaired a part.
func repairs(t *testing.T, m *servertest.Member, part string) float64 {
	t.Helper()
	families, err := m.Registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "etcd_server_repairs_total" {
			continue
		}
		for _, metric := range f.GetMetric() {
			if metric.GetLabel()[0].GetValue() == part {
				return metric.GetCounter().GetValue()
			}
		}
	}
	require.FailNow(t, "no metric of repairs")
	return 0
}

// damageTables turns over a bit in the middle of every table of a stopped member's state.
func damageTables(t *testing.T, m *servertest.Member) {
	t.Helper()
	damaged := 0
	for name, size := range sizes(t, m.FS, "/data", map[string]int64{}) {
		if kind(name) == "table" {
			flipFile(t, m.FS, name, 4*size)
			damaged++
		}
	}
	require.Positive(t, damaged)
}

// damageLog turns over a bit early in the oldest segment of a stopped member's log.
func damageLog(t *testing.T, m *servertest.Member) {
	t.Helper()
	var segments []string
	for name := range sizes(t, m.FS, "/data", map[string]int64{}) {
		if kind(name) == "log" && strings.Contains(name, "/member/log/") {
			segments = append(segments, name)
		}
	}
	sort.Strings(segments)
	flipFile(t, m.FS, segments[0], 8*40)
}

// stopDamaged stops a follower once its tables have something in them, and damages it.
func stopDamaged(t *testing.T, c *servertest.Cluster, damage func(*testing.T, *servertest.Member)) *servertest.Member {
	t.Helper()
	fill(t, c, c.Leader(), "k", 150)
	m := c.Follower()
	require.NoError(t, m.Server.Replica().Store().Flush())
	m.Stop()
	damage(t, m)
	return m
}

// The state is made anew from another member's; who the member is, and what it promised, stays.
func TestDamagedStateIsMadeAnew(t *testing.T) {
	c := servertest.Start(t, 3, servertest.WithConfig(shortLog))
	m := stopDamaged(t, c, damageTables)
	id, old := m.ID, c.Leader()
	fill(t, c, old, "l", 10)
	startRepaired(t, c, m, old, false)
	require.Equal(t, id, m.ID)
	require.EqualValues(t, 1, repairs(t, m, "state"))
	require.Zero(t, repairs(t, m, "log"))
	_, err := m.FS.Stat("/data/member/state.damaged")
	require.NoError(t, err, "the damaged state is kept")
	requireEqualHashes(t, c)

	m.Kill() // what was made anew survives a crash
	m.Restart()
	require.Zero(t, repairs(t, m, "state"))
	requireEqualHashes(t, c)
}

// A member that lost its log joins again as another one, gets its vote back, and the cluster is as large as before.
func TestMemberWithADamagedLogJoinsAgain(t *testing.T) {
	c := servertest.Start(t, 3, servertest.WithConfig(shortLog))
	m := stopDamaged(t, c, damageLog)
	id, other := m.ID, c.Leader()
	startRepaired(t, c, m, other, false)
	require.NotEqual(t, id, m.ID)
	require.EqualValues(t, 1, repairs(t, m, "log"))
	c.Eventually(func() bool { return len(m.Server.Replica().Cluster().Voters()) == 3 }, "it votes again")
	require.True(t, other.Server.Replica().Cluster().IsRemoved(id))
	names, err := m.FS.List("/data/member/log/damaged")
	require.NoError(t, err)
	require.Contains(t, names, "WATERMARK")
	fill(t, c, other, "l", 10)
	requireEqualHashes(t, c)

	// It is a member like any other: after a crash, and when the other two need it.
	m.Kill()
	m.Restart()
	for _, away := range c.Members {
		if away != m && away != other {
			away.Stop()
		}
	}
	fill(t, c, c.Leader(), "n", 10)
}

// Without the others a member that is damaged does not start, and changes nothing; with them it does. It takes no part in electing
// a leader until it has its vote again: two of three whose logs are whole must come first.
func TestDamagedMemberWaitsForAQuorumOfOthers(t *testing.T) {
	c := servertest.Start(t, 3, servertest.WithConfig(func(cfg *config.Config) {
		shortLog(cfg)
		cfg.StrictReconfigCheck = false
	}))
	m := stopDamaged(t, c, damageLog)
	var others []*servertest.Member
	for _, other := range c.Members {
		if other != m {
			others = append(others, other)
			other.Stop()
		}
	}
	others[0].Start()
	before := sizes(t, m.FS, "/data/member/log", map[string]int64{})
	err := m.TryStart()
	require.ErrorIs(t, err, replica.ErrCorrupt)
	require.ErrorContains(t, err, "could not be repaired")
	require.Equal(t, before, sizes(t, m.FS, "/data/member/log", map[string]int64{}))
	_, err = m.FS.Stat("/data/member/rejoining")
	require.ErrorIs(t, err, os.ErrNotExist, "no leader agreed, so it must not say later that it asked before")
	require.Zero(t, others[0].Server.Replica().Status().Leader)
	others[1].Start()
	others[0].WaitReady()
	startRepaired(t, c, m, others[0], false)
	requireEqualHashes(t, c)
}

// The only member of a cluster has nobody to ask. A state whose whole history is in the log is made anew from that all the same.
func TestDamageOfTheOnlyMember(t *testing.T) {
	c := servertest.Start(t, 1)
	m := c.Members[0]
	fill(t, c, m, "k", 50)
	require.NoError(t, m.Server.Replica().Store().Flush())
	m.Stop()
	require.NoError(t, m.FS.Remove("/data/member/state/CURRENT-STATE"))
	m.Restart()
	require.EqualValues(t, 1, repairs(t, m, "state"))
	got, err := c.Client().Get(c.Context(), "", prefixed, countOnly)
	require.NoError(t, err)
	require.EqualValues(t, 50, got.Count)

	m.Stop()
	damageLog(t, m)
	err = m.TryStart()
	require.ErrorIs(t, err, replica.ErrCorrupt)
	require.ErrorContains(t, err, "restore the last snapshot")
}

// A repair that is cut off at any operation of the disk is finished by the next start.
func TestRepairIsCutOff(t *testing.T) {
	for part, damage := range map[string]func(*testing.T, *servertest.Member){
		"log": damageLog,
		"state": func(t *testing.T, m *servertest.Member) {
			require.NoError(t, m.FS.Remove("/data/member/state/CURRENT-STATE"))
		},
	} {
		t.Run(part, func(t *testing.T) {
			var budget atomic.Int64 // operations of the victim's disk that succeed; negative: all
			budget.Store(-1)
			c := servertest.Start(t, 3, servertest.WithConfig(func(cfg *config.Config) {
				shortLog(cfg)
				cfg.StrictReconfigCheck = false
			}), servertest.WithFS(func(m *servertest.Member, fs vfs.FS) vfs.FS {
				return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
					changes := op.Kind == errorfs.OpRename || op.Kind == errorfs.OpRemove || op.Kind == errorfs.OpRemoveAll ||
						op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileSync
					// A failure of Pebble's own files ends the process, which can't be had here.
					pebbles := strings.Contains(op.Path, "/engine-") || strings.Contains(op.Path, "/stage-")
					if m.Config.Name != "m0" || !changes || pebbles || budget.Load() < 0 {
						return nil
					}
					if budget.Load() == 0 {
						return errorfs.ErrInjected
					}
					budget.Add(-1)
					return nil
				}))
			}))
			fill(t, c, c.Leader(), "k", 80)
			m, other := c.Members[0], c.Members[1]
			for at := int64(0); ; at += 7 {
				m.Stop()
				damage(t, m)
				budget.Store(at)
				err := m.TryStart()
				budget.Store(-1)
				if err != nil {
					require.NotErrorIs(t, err, replica.ErrRemoved)
					m.Start()
				}
				require.NoError(t, awaitWhole(t, c, m, other), "operation %d", at)
				c.Eventually(func() bool { return !m.Server.Replica().Status().IsLearner }, "it has its vote")
				if err == nil && at > 30 {
					return
				}
			}
		})
	}
}
