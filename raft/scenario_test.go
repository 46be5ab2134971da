package raft

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// same requires that the members end with equal lists.
func (c *cluster) same(ids ...uint64) {
	c.t.Helper()
	want := c.members[ids[0]].sm.list()
	for _, id := range ids[1:] {
		require.Equal(c.t, want, c.members[id].sm.list(), "member %d", id)
	}
}

// ids of all members but one.
func (c *cluster) others(id uint64) (ids []uint64) {
	for other := range c.members {
		if other != id {
			ids = append(ids, other)
		}
	}
	return ids
}

func TestLossyNetworkLosesNoAppliedEntry(t *testing.T) {
	c := newCluster(t, 3)
	c.leader()
	c.network.setLoss(0.2)
	for i := range 50 {
		c.members[uint64(i%3+1)].propose(fmt.Sprint("lossy", i))
	}
	require.Eventually(t, func() bool {
		_, err := c.members[1].readIndex()
		return err == nil
	}, testPatience, testPollEvery)
	c.network.setLoss(0)
	c.leader().propose("last")
	c.applied("last", 1, 2, 3)
	c.same(1, 2, 3)
}

func TestPartitionedLeaderIsReplacedAndCatchesUp(t *testing.T) {
	c := newCluster(t, 3)
	old := c.leader()
	c.network.isolate(old.id, true)
	next := c.leader(old.id)
	require.Eventually(t, func() bool { return old.node.Status().State != etcdraft.StateLeader }, testPatience, testPollEvery,
		"it hears of no quorum")
	next.propose("without the old one")
	c.applied("without the old one", c.others(old.id)...)
	c.network.isolate(old.id, false)
	c.applied("without the old one", old.id)
	require.Equal(t, next.node.Status().Term, c.leader().node.Status().Term, "its return disturbs nobody")
}

func TestReadIndexIsNeverStaleUnderPartition(t *testing.T) {
	c := newCluster(t, 3)
	old := c.leader()
	old.propose("before")
	c.applied("before", 1, 2, 3)
	c.network.isolate(old.id, true)

	// While it still believes to lead, it can't answer; when it is healed, only with what was committed meanwhile.
	type answer struct {
		index uint64
		err   error
	}
	asked := make(chan answer, 1)
	go func() {
		index, err := old.readIndex()
		asked <- answer{index, err}
	}()
	next := c.leader(old.id)
	next.propose("meanwhile")
	c.applied("meanwhile", next.id)
	committed, _ := next.sm.position()
	select {
	case a := <-asked:
		require.Fail(t, "answered without a quorum", "%+v", a)
	default:
	}
	c.network.isolate(old.id, false)
	a := <-asked
	require.NoError(t, a.err)
	require.GreaterOrEqual(t, a.index, committed)
}

func TestReadersShareRoundsAndRespectTheirContext(t *testing.T) {
	c := newCluster(t, 3)
	l := c.leader()
	l.propose("x")
	c.applied("x", 1, 2, 3)
	floor, _ := l.sm.position()
	errs := make(chan error, 300)
	for i := range 300 {
		m := c.members[uint64(i%3+1)]
		go func() {
			index, err := m.readIndex()
			if err == nil && index < floor {
				err = fmt.Errorf("index %d is older than %d, which was applied before", index, floor)
			}
			errs <- err
		}()
	}
	for range 300 {
		require.NoError(t, <-errs)
	}
	c.network.isolate(1, true)
	c.network.isolate(2, true)
	ctx, cancel := context.WithTimeout(context.Background(), 5*testTick)
	defer cancel()
	_, err := c.members[3].node.ReadIndex(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A cluster of one learns after a restart what it had committed only when its new term commits. Reads have to wait for it.
func TestReadIndexAfterARestartOfOneMemberCoversWhatWasApplied(t *testing.T) {
	c := newCluster(t, 1)
	m := c.leader()
	for i := range 20 {
		value := fmt.Sprint("v", i)
		m.propose(value)
		c.applied(value, 1)
		applied, _ := m.sm.position()

		m.crash()
		index, err := m.readIndex()
		require.NoError(t, err)
		require.GreaterOrEqual(t, index, applied)
	}
}

// forgetCommit takes the commit index out of a log's hard state, as a crash may.
func forgetCommit(t *testing.T, fs vfs.FS) {
	t.Helper()
	l, err := log.Open("log", log.Options{FS: fs})
	require.NoError(t, err)
	hs, _, err := l.InitialState()
	require.NoError(t, err)
	hs.Commit = new(uint64(0))
	require.NoError(t, l.Append(hs, nil, true))
	require.NoError(t, l.Close())
}

func TestRestartsLoseNothing(t *testing.T) {
	c := newCluster(t, 3)
	for round := range 6 {
		victim := c.members[uint64(round%3+1)]
		require.NoError(t, victim.end())
		value := fmt.Sprint("round", round)
		// A leader that is about to lose its office may lose a proposal with it.
		require.Eventually(t, func() bool {
			c.leader().propose(value)
			deadline := time.Now().Add(20 * testElection * testTick)
			for time.Now().Before(deadline) {
				for _, v := range c.leader().sm.list() {
					if v == value {
						return true
					}
				}
			}
			return false
		}, testPatience, testPollEvery)
		victim.start()
		c.applied(value, 1, 2, 3)
	}
	for _, id := range []uint64{1, 2, 3} {
		require.NoError(t, c.members[id].end())
		m := c.members[id]
		cs := m.sm.cs
		m.sm = &machine{cs: cs} // everything is replayed from the log
	}
	for _, id := range []uint64{1, 2, 3} {
		c.members[id].start()
	}
	c.leader()
	c.applied("round5", 1, 2, 3)
	c.same(1, 2, 3)
}

func TestLaggingMemberGetsASnapshot(t *testing.T) {
	c := newCluster(t, 3)
	l := c.leader()
	lagging := c.members[c.others(l.id)[0]]
	require.NoError(t, lagging.end())
	for i := range 300 {
		l.propose(fmt.Sprint("e", i))
	}
	rest := c.others(lagging.id)
	c.applied("e299", rest...)
	for _, id := range rest {
		m := c.members[id]
		index, _ := m.sm.position()
		require.NoError(t, m.node.cfg.Log.Compact(index))
	}
	lagging.start()
	c.applied("e299", lagging.id)
	require.Positive(t, lagging.sm.installs)
	c.leader().propose("after the snapshot")
	c.applied("after the snapshot", 1, 2, 3)
	c.same(1, 2, 3)

	// What it was sent is durable: it starts again from state and log.
	require.NoError(t, lagging.end())
	lagging.start()
	c.leader().propose("after the restart")
	c.applied("after the restart", 1, 2, 3)
}

func TestLeadershipIsTransferred(t *testing.T) {
	c := newCluster(t, 3)
	l := c.leader()
	to := c.others(l.id)[0]
	changed := l.node.LeaderChanged()
	l.node.TransferLeader(to)
	<-changed
	require.Equal(t, to, c.leader(l.id).id)
	l.propose("through the new leader")
	c.applied("through the new leader", 1, 2, 3)
}

func TestLearnerCatchesUpAndIsPromoted(t *testing.T) {
	c := newCluster(t, 1)
	l := c.leader()
	for i := range 50 {
		l.propose(fmt.Sprint("e", i))
	}
	c.applied("e49", 1)
	change := func(typ raftpb.ConfChangeType) {
		cc := &raftpb.ConfChange{Type: typ.Enum(), NodeId: new(uint64(2))}
		require.NoError(t, l.node.ProposeConfChange(context.Background(), cc))
	}
	change(raftpb.ConfChangeAddLearnerNode)
	joining := c.add(2, &raftpb.ConfState{Voters: []uint64{1}}, vfs.NewMem()) // as the bootstrap of member 1 was
	joining.start()
	c.applied("e49", 2)
	require.Eventually(t, func() bool {
		_, cs := joining.sm.position()
		return len(cs.GetLearners()) == 1
	}, testPatience, testPollEvery)
	require.Eventually(t, func() bool {
		st := l.node.Status()
		return st.Progress[2].IsLearner && st.Progress[2].Match >= st.Applied
	}, testPatience, testPollEvery)

	change(raftpb.ConfChangeAddNode)
	require.Eventually(t, func() bool {
		_, cs := joining.sm.position()
		return len(cs.GetVoters()) == 2
	}, testPatience, testPollEvery)
	l.node.TransferLeader(2)
	require.Equal(t, uint64(2), c.leader(1).id)

	// The old one goes; who is left leads alone, at once.
	cc := &raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(uint64(1))}
	require.NoError(t, joining.node.ProposeConfChange(context.Background(), cc))
	require.Eventually(t, func() bool {
		_, cs := joining.sm.position()
		return len(cs.GetVoters()) == 1
	}, testPatience, testPollEvery)
	joining.propose("alone")
	c.applied("alone", 2)
	_, ok := joining.node.ReadIndexNow()
	require.True(t, ok)
	_, ok = l.node.ReadIndexNow()
	require.False(t, ok, "who removed itself has no vote")
}

func TestProposalsWaitForALeader(t *testing.T) {
	c := newCluster(t, 3)
	c.leader().propose("all know the leader")
	c.applied("all know the leader", 1, 2, 3)
	c.network.isolate(1, true)
	c.network.isolate(2, true)
	c.network.isolate(3, true)
	require.Eventually(t, func() bool { return c.members[1].node.Status().Lead == etcdraft.None }, testPatience, testPollEvery)
	ctx, cancel := context.WithTimeout(context.Background(), 3*testTick)
	defer cancel()
	require.ErrorIs(t, c.members[1].node.Propose(ctx, []byte("given up")), context.DeadlineExceeded)

	waiting := make(chan error, 1)
	go func() { waiting <- c.members[1].node.Propose(context.Background(), []byte("patient")) }()
	for id := uint64(1); id <= 3; id++ {
		c.network.isolate(id, false)
	}
	require.NoError(t, <-waiting)
	c.applied("patient", 1, 2, 3)
	require.NotContains(t, c.members[1].sm.list(), "given up")
}

func TestStoppedNodeAnswersEverybody(t *testing.T) {
	c := newCluster(t, 1)
	m := c.leader()
	n := m.node
	changed := n.LeaderChanged()
	require.NoError(t, m.end())
	<-changed
	require.ErrorIs(t, n.Propose(context.Background(), nil), ErrStopped)
	_, err := n.ReadIndex(context.Background())
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorIs(t, n.Step(context.Background(), &raftpb.Message{Type: raftpb.MsgAppResp.Enum(), To: new(uint64(1)), From: new(uint64(2))}), ErrStopped)
}

// TestRemovedLeaderTellsThatItsRemovalIsCommitted loses the first messages that say so. Of two members the other one could
// not go on without them: it would need the vote of the one that left.
func TestRemovedLeaderTellsThatItsRemovalIsCommitted(t *testing.T) {
	c := newCluster(t, 2)
	l := c.leader()
	other := c.members[c.others(l.id)[0]]
	l.propose("both")
	c.applied("both", 1, 2)
	removal, _ := l.sm.position()
	removal++
	c.network.drop(func(m *raftpb.Message) bool { return m.GetTo() == other.id && m.GetCommit() >= removal })
	cc := &raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(l.id)}
	require.NoError(t, l.node.ProposeConfChange(context.Background(), cc))
	alone := func(m *member) func() bool {
		return func() bool {
			_, cs := m.sm.position()
			return len(cs.GetVoters()) == 1
		}
	}
	require.Eventually(t, alone(l), testPatience, testPollEvery)
	// Nobody but the leader itself may tell, and it may not be asked for its vote.
	c.network.drop(func(m *raftpb.Message) bool { return m.GetTo() == l.id })
	require.Eventually(t, alone(other), testPatience, testPollEvery)

	// The one voter there is is another: the one that left must not take its own word for what is committed.
	ctx, cancel := context.WithTimeout(context.Background(), 3*testTick)
	defer cancel()
	_, err := l.node.ReadIndex(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, other, c.leader(l.id))
	other.propose("alone")
	c.applied("alone", other.id)
}
