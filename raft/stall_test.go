package raft

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// brakes hold up, or fail, every sync of the write-ahead log while they are on.
type brakes struct {
	mu      sync.Mutex
	release chan struct{}
	fail    atomic.Bool
}

func (b *brakes) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release = make(chan struct{})
}

func (b *brakes) letGo() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.release != nil {
		close(b.release)
		b.release = nil
	}
}

var errDisk = errors.New("input/output error")

func (b *brakes) wrap(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if !sync || !strings.Contains(op.Path, ".log") {
			return nil
		}
		b.mu.Lock()
		release := b.release
		b.mu.Unlock()
		if release != nil {
			<-release
		}
		if b.fail.Load() {
			return errDisk
		}
		return nil
	}))
}

// brakedCluster is newCluster whose members' disks can be held up.
func brakedCluster(t *testing.T, n int) (*cluster, map[uint64]*brakes) {
	t.Helper()
	c := newCluster(t, 0)
	all := map[uint64]*brakes{}
	var voters []uint64
	for id := uint64(1); id <= uint64(n); id++ {
		voters = append(voters, id)
	}
	for _, id := range voters {
		all[id] = &brakes{}
		c.add(id, &raftpb.ConfState{Voters: voters}, all[id].wrap(vfs.NewMem()))
		t.Cleanup(all[id].letGo) // runs before the members are ended
	}
	for _, id := range voters {
		c.members[id].start()
	}
	return c, all
}

func TestLeaderWithAHangingDiskGivesUp(t *testing.T) {
	c, brakes := brakedCluster(t, 3)
	old := c.leader()
	old.propose("before")
	c.applied("before", 1, 2, 3)
	term := old.node.Status().Term

	began := time.Now()
	brakes[old.id].hold()
	old.propose("while it hangs")
	require.Eventually(t, func() bool { return old.node.Status().State != etcdraft.StateLeader }, testPatience, time.Millisecond)
	took := time.Since(began)
	require.Less(t, took, 3*testElection*testTick, "two election timeouts, and one for a slow machine")
	next := c.leader(old.id)
	next.propose("after it")
	c.applied("after it", c.others(old.id)...)

	// It hears its new leader, so time goes on for it.
	require.Eventually(t, func() bool {
		st := old.node.Status()
		return st.Term > term && st.Lead == next.id
	}, testPatience, testPollEvery)

	brakes[old.id].letGo()
	c.applied("after it", old.id)
	c.same(1, 2, 3)
}

func TestFollowerWithAHangingDiskDoesNotStandForElection(t *testing.T) {
	c, brakes := brakedCluster(t, 3)
	l := c.leader()
	l.propose("before")
	c.applied("before", 1, 2, 3)
	slow := c.members[c.others(l.id)[0]]
	brakes[slow.id].hold()
	l.propose("without it")
	c.applied("without it", l.id)

	// When the leader goes, the other one can't win alone, and the slow one must not try.
	require.Eventually(t, func() bool { return slow.node.appends.sent.Load() > slow.node.appends.done.Load() }, testPatience, testPollEvery)
	stallTicks := slow.node.cfg.ElectionTicks
	seen := make(chan etcdraft.StateType, 10_000)
	stop := make(chan struct{})
	go func() {
		defer close(seen)
		every := time.NewTicker(testTick)
		defer every.Stop()
		for ticks := 0; ; ticks++ {
			select {
			case <-every.C:
				if ticks > 3*stallTicks {
					select {
					case seen <- slow.node.Status().State:
					default:
					}
				}
			case <-stop:
				return
			}
		}
	}()
	require.Eventually(t, func() bool { return len(seen) > 0 }, testPatience, testPollEvery)
	require.NoError(t, l.end())
	require.Eventually(t, func() bool { return len(seen) > 5*stallTicks }, testPatience, testPollEvery)
	close(stop)
	for state := range seen {
		require.Equal(t, etcdraft.StateFollower, state)
	}
	brakes[slow.id].letGo()
	c.leader().propose("after")
	c.applied("after", slow.id)
}

func TestFailedDiskStopsTheNode(t *testing.T) {
	c, brakes := brakedCluster(t, 1)
	m := c.leader()
	m.propose("good")
	c.applied("good", 1)
	brakes[1].fail.Store(true)
	m.propose("lost")
	n := m.node
	select {
	case <-n.stopped:
	case <-time.After(testPatience):
		require.Fail(t, "it goes on")
	}
	err := m.end()
	require.ErrorIs(t, err, log.ErrFailed)
	require.ErrorIs(t, err, errDisk)
	require.NotContains(t, m.sm.list(), "lost")
	require.ErrorIs(t, n.Propose(context.Background(), nil), ErrStopped)
}
