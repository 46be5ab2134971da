package raft

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// alone makes a cluster of one member, of which the others among voters never run.
func alone(t *testing.T, fs vfs.FS, voters ...uint64) (*cluster, *member) {
	c := &cluster{t: t, network: newNetwork(1), members: map[uint64]*member{}}
	m := c.add(1, &raftpb.ConfState{Voters: voters}, fs)
	t.Cleanup(func() { require.NoError(t, m.end()) })
	return c, m
}

// A single member of etcd answered a write while its entry was still being written: with nobody to wait for, an entry counted as
// committed before it was on disk, and a crash lost what was acknowledged. The promise: what is applied is durable.
func TestEtcd14370(t *testing.T) {
	fs := vfs.NewCrashableMem()
	c, m := alone(t, fs, 1)
	m.start()
	c.leader()
	for i := range 20 {
		value := fmt.Sprint("v", i)
		m.propose(value)
		c.applied(value, 1)
		left := fs.CrashClone(vfs.CrashCloneCfg{})
		l, err := log.Open("log", log.Options{FS: left})
		require.NoError(t, err)
		last, err := l.LastIndex()
		require.NoError(t, err)
		entries, err := l.Entries(last, last+1, 1<<20)
		require.NoError(t, err)
		require.Equal(t, value, string(entries[0].GetData()))
		require.NoError(t, l.Close())
	}
}

// A leader of etcd's that was paused, and replaced meanwhile, answered reads from its old state when it went on: by its own clock it
// still led. The promise: a read sees what was acknowledged before it was asked, whatever the clocks say.
func TestEtcd20418(t *testing.T) {
	var paused atomic.Uint64 // the member whose clock stands still
	clocks := map[uint64]chan time.Time{1: make(chan time.Time), 2: make(chan time.Time), 3: make(chan time.Time)}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(testTick)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case now := <-ticker.C:
				for id, clock := range clocks {
					if id == paused.Load() {
						continue
					}
					select {
					case clock <- now:
					default:
					}
				}
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	c := newCluster(t, 3, func(c *Config) { c.Ticks = clocks[c.ID] })
	old := c.leader()
	old.propose("before")
	c.applied("before", 1, 2, 3)

	paused.Store(old.id)
	c.network.isolate(old.id, true)
	next := c.leader(old.id)
	next.propose("meanwhile")
	c.applied("meanwhile", next.id)
	committed, _ := next.sm.position()
	require.Equal(t, etcdraft.StateLeader, old.node.Status().State, "for all it knows")

	index := make(chan uint64, 1)
	go func() {
		i, _ := old.readIndex()
		index <- i
	}()
	c.network.isolate(old.id, false)
	paused.Store(0)
	require.GreaterOrEqual(t, <-index, committed)
}

// A vote that is not on disk when it is given could be given again, to somebody else, after a crash: two leaders in one term.
func TestVoteIsOnDiskBeforeItIsGiven(t *testing.T) {
	left, granted := askForVote(t, vfs.NewCrashableMem(), 2)
	require.True(t, granted)
	_, granted = askForVote(t, left, 3)
	require.False(t, granted, "the member forgot whom it elected")
}

// askForVote has a candidate ask a member for its vote in term 5. It returns the answer, and what a crash would leave of the member's
// files as the answer leaves.
func askForVote(t *testing.T, fs *vfs.MemFS, candidate uint64) (left *vfs.MemFS, granted bool) {
	c, m := alone(t, fs, 1, 2, 3)
	answer := make(chan bool, 1)
	c.network.drop(func(r *raftpb.Message) bool {
		if r.GetType() == raftpb.MsgVoteResp {
			left = fs.CrashClone(vfs.CrashCloneCfg{})
			answer <- !r.GetReject()
		}
		return true
	})
	m.start(func(c *Config) { c.Ticks = make(chan time.Time) }) // it does not stand for election itself
	require.NoError(t, m.step(&raftpb.Message{
		Type: raftpb.MsgVote.Enum(), From: new(candidate), To: new(uint64(1)), Term: new(uint64(5)), Index: new(uint64(0)), LogTerm: new(uint64(0)),
	}))
	select {
	case granted = <-answer:
	case <-time.After(testPatience):
		require.FailNow(t, "no answer")
	}
	require.NoError(t, m.end())
	return left, granted
}

// What a log holds is not committed by being there. A leader that restarts with an entry that no other has must not apply it: the
// others may have gone on without it.
func TestRestartTakesNothingForCommitted(t *testing.T) {
	c := newCluster(t, 3)
	old := c.leader()
	old.propose("first")
	c.applied("first", 1, 2, 3) // nothing is on its way that could be committed yet
	c.network.isolate(old.id, true)
	before, err := old.node.cfg.Log.LastIndex()
	require.NoError(t, err)
	old.propose("lost")
	require.Eventually(t, func() bool {
		last, err := old.node.cfg.Log.LastIndex()
		return err == nil && last > before
	}, testPatience, testPollEvery)
	require.NoError(t, old.end())
	old.start()
	require.LessOrEqual(t, old.node.Status().Commit, before)

	c.leader(old.id).propose("kept")
	c.applied("kept", c.others(old.id)...)
	c.network.isolate(old.id, false)
	c.applied("kept", old.id)
	c.same(1, 2, 3)
}
