package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// TestLateAnswersCount starts a round of reads again before its first answer comes.
func TestLateAnswersCount(t *testing.T) {
	r := &reads{nonce: 7}
	early, _ := r.join()
	first := r.begin()
	late, _ := r.join()
	second := r.begin()
	require.NotEqual(t, first, second)

	r.answer(etcdraft.ReadState{Index: 10, RequestCtx: first})
	require.Equal(t, uint64(10), early.index)
	select {
	case <-late.done:
		require.FailNow(t, "a reader was answered by what was asked before it came")
	default:
	}
	r.answer(etcdraft.ReadState{Index: 11, RequestCtx: (&reads{nonce: 8, sequence: 2}).context()})
	require.Len(t, r.inFlight, 1, "another run's answer counts for nothing")
	r.answer(etcdraft.ReadState{Index: 12, RequestCtx: second})
	require.Equal(t, uint64(12), late.index)
	require.Equal(t, uint64(10), early.index)
	require.Empty(t, r.inFlight)
	r.answer(etcdraft.ReadState{Index: 13, RequestCtx: first})
}

// TestNewLeaderAnswersNobodyYet asks right after the message that won the election, before the view of it is published.
func TestNewLeaderAnswersNobodyYet(t *testing.T) {
	l, err := log.Open("log", log.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	n, err := NewNode(Config{
		ID: 1, TickInterval: time.Second, ElectionTicks: 10, Log: l, StateMachine: &machine{},
		ConfState: &raftpb.ConfState{Voters: []uint64{1}}, Send: func([]*raftpb.Message) {},
	})
	require.NoError(t, err)
	require.NoError(t, n.raw.Campaign())
	for _, m := range n.raw.Ready().Messages {
		for _, r := range m.GetResponses() {
			n.step(r)
		}
	}
	require.Equal(t, etcdraft.StateLeader, n.raw.BasicStatus().RaftState)
	require.NotEqual(t, etcdraft.StateLeader, n.st.State)
	require.True(t, n.readsTooEarly())
	n.reads.join()
	n.st.Lead = 2 // as it was published before
	n.stepReads()
	require.Empty(t, n.reads.inFlight)

	// Nor from its view, in which it leads by now.
	n.st.State, n.st.Term = etcdraft.StateLeader, n.raw.BasicStatus().GetTerm()
	n.publish()
	_, ok := n.ReadIndexNow()
	require.False(t, ok)
	n.committedTerm = n.st.Term
	n.publish()
	_, ok = n.ReadIndexNow()
	require.True(t, ok)
	require.NoError(t, l.Close())
}

// The only voter answers reads without a round, once it has committed something in its term, and not any more when there is another
// voter.
func TestOnlyVoterAnswersAtOnce(t *testing.T) {
	c := newCluster(t, 1)
	m := c.leader()
	for i := range 20 {
		value := fmt.Sprint("v", i)
		m.propose(value)
		c.applied(value, 1)
		applied, _ := m.sm.position()
		index, ok := m.node.ReadIndexNow()
		require.True(t, ok)
		require.GreaterOrEqual(t, index, applied)

		m.crash()
		require.Eventually(t, func() bool {
			index, ok = m.node.ReadIndexNow()
			return ok
		}, testPatience, testPollEvery)
		require.GreaterOrEqual(t, index, applied)
	}
	cc := &raftpb.ConfChange{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(uint64(2))}
	require.NoError(t, m.node.ProposeConfChange(t.Context(), cc))
	require.Eventually(t, func() bool {
		_, cs := m.sm.position()
		return len(cs.GetVoters()) == 2
	}, testPatience, testPollEvery)
	require.Eventually(t, func() bool {
		_, ok := m.node.ReadIndexNow()
		return !ok
	}, testPatience, testPollEvery)
	require.NoError(t, m.end())

	three := newCluster(t, 3)
	for _, m := range three.members {
		_, ok := m.node.ReadIndexNow()
		require.False(t, ok)
	}
	_, ok := three.leader().node.ReadIndexNow()
	require.False(t, ok)
}
