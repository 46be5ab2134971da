package raft

import (
	"testing"

	"github.com/petcd/petcd/raft/log"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
)

const testVoter = 7

// stored is a message for the log goroutine, of that term and commit index, with the responses to other members and to the library.
func stored(term, commit uint64, entries []uint64, responses ...*raftpb.Message) *raftpb.Message {
	m := &raftpb.Message{Term: new(term), Vote: new(uint64(testVoter)), Commit: new(commit), Responses: responses}
	for _, index := range entries {
		m.Entries = append(m.Entries, &raftpb.Entry{Term: new(term), Index: new(index)})
	}
	return m
}

func stable(term, index uint64) *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgStorageAppendResp.Enum(), Term: new(term), Index: new(index), LogTerm: new(term)}
}

func accepted(index uint64) *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgAppResp.Enum(), Index: new(index)}
}

func newTestAppendQueue() *appendQueue {
	q := &appendQueue{}
	q.init()
	return q
}

// woken tells, once, that the log goroutine would have been woken.
func (q *appendQueue) woken() bool {
	select {
	case <-q.news:
		return true
	default:
		return false
	}
}

// While entries are being written the library adds to every message that they are stable. Only the first one of a term says it.
func TestAppendQueueDropsRepetitions(t *testing.T) {
	q := newTestAppendQueue()
	entries := stored(3, 4, []uint64{5}, accepted(5), stable(3, 5))
	q.put(entries)
	require.Len(t, entries.GetResponses(), 2)
	require.True(t, q.woken())

	commit := stored(3, 5, nil, stable(3, 5))
	q.put(commit)
	require.Empty(t, commit.GetResponses())
	require.False(t, q.woken(), "nobody waits for a commit index")

	follower := stored(3, 5, nil, accepted(5), stable(3, 5))
	q.put(follower)
	require.Len(t, follower.GetResponses(), 1)
	require.Equal(t, raftpb.MsgAppResp, follower.GetResponses()[0].GetType())
	require.True(t, q.woken(), "the leader waits")

	newTerm := stored(4, 5, nil, stable(4, 5))
	q.put(newTerm)
	require.Len(t, newTerm.GetResponses(), 1, "the older term's response will be ignored")
	require.True(t, q.woken())

	snapshot := stored(4, 9, nil, stable(4, 0))
	snapshot.Snapshot = &raftpb.Snapshot{}
	q.put(snapshot)
	require.Len(t, snapshot.GetResponses(), 1)
}

// The tick has a commit index written that nothing followed, and nothing else.
func TestAppendQueueTick(t *testing.T) {
	for _, c := range []struct {
		name   string
		newest *raftpb.Message
		woken  bool
	}{
		{"commit index", stored(3, 5, nil), true},
		{"commit index that a follower answers", stored(3, 5, nil, accepted(5)), true},
		{"entries", stored(3, 5, []uint64{6}, stable(3, 6)), false},
		{"term", stored(4, 5, nil), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newTestAppendQueue()
			q.put(stored(3, 4, []uint64{5}, stable(3, 5)))
			q.put(c.newest)
			q.woken()
			q.tick()
			require.Equal(t, c.woken, q.woken())
			q.tick()
			require.False(t, q.woken(), "once is enough")
		})
	}
}

// appends is a log that keeps the commit index and the number of entries of each write.
type appends struct {
	log.Log
	writes [][2]uint64
}

// Append implements Log.
func (a *appends) Append(hs *raftpb.HardState, entries []*raftpb.Entry, _ bool) error {
	a.writes = append(a.writes, [2]uint64{hs.GetCommit(), uint64(len(entries))})
	return nil
}

// A commit index has no write of its own: it goes with the next entries, or waits for the tick.
func TestLogWriterHoldsCommitIndex(t *testing.T) {
	l := &appends{}
	w := &logWriter{n: &Node{cfg: Config{ID: 1, Log: l, Send: func([]*raftpb.Message) {}}}}
	toLeader := accepted(5)
	toLeader.To = new(uint64(2))

	require.NoError(t, w.write([]*raftpb.Message{stored(3, 4, []uint64{5}, toLeader)}))
	require.NoError(t, w.write([]*raftpb.Message{stored(3, 5, nil, toLeader)}))
	require.Equal(t, [][2]uint64{{4, 1}}, l.writes)
	require.NoError(t, w.write([]*raftpb.Message{{Entries: []*raftpb.Entry{{Term: new(uint64(3)), Index: new(uint64(6))}}}}))
	require.Equal(t, [][2]uint64{{4, 1}, {5, 1}}, l.writes)

	require.NoError(t, w.write([]*raftpb.Message{stored(3, 6, nil)}))
	require.Len(t, l.writes, 2)
	require.NoError(t, w.writeHeld())
	require.NoError(t, w.writeHeld())
	require.Equal(t, [][2]uint64{{4, 1}, {5, 1}, {6, 0}}, l.writes)
}

// What a tick finds unwritten is written, also when somebody waits for another message of the same turn.
func TestTickWritesTheCommitIndex(t *testing.T) {
	l := &appends{}
	n := &Node{cfg: Config{ID: 1, Log: l, Send: func([]*raftpb.Message) {}}}
	n.appends.init()
	w := &logWriter{n: n, ctx: t.Context()}
	toLeader := accepted(5)
	toLeader.To = new(uint64(2))

	n.appends.put(stored(3, 4, []uint64{5}, toLeader))
	require.NoError(t, w.turn())
	n.appends.put(stored(3, 5, nil))
	n.appends.put(stored(3, 5, nil, toLeader))
	require.NoError(t, w.turn())
	require.Equal(t, [][2]uint64{{4, 1}}, l.writes, "no tick yet")
	n.appends.put(stored(3, 6, nil, toLeader))
	n.appends.tick()
	require.NoError(t, w.turn())
	require.Equal(t, [][2]uint64{{4, 1}, {6, 0}}, l.writes)
	n.appends.tick()
	require.NoError(t, w.turn())
	require.Len(t, l.writes, 2, "once is enough")
}

// Entries that another leader sends in place of older ones replace them, also when both wait for the same write.
func TestWriteReplacesWhatConflicts(t *testing.T) {
	terms := func(w *logWrite) (all []uint64) {
		for i, e := range w.entries {
			require.Equal(t, w.entries[0].GetIndex()+uint64(i), e.GetIndex())
			all = append(all, e.GetTerm())
		}
		return all
	}
	w := &logWrite{}
	w.add(stored(3, 4, []uint64{5, 6, 7}))
	w.add(stored(4, 4, []uint64{6}))
	require.Equal(t, []uint64{3, 4}, terms(w))
	w.add(stored(4, 4, []uint64{7, 8}))
	require.Equal(t, []uint64{3, 4, 4, 4}, terms(w))
	w.add(stored(5, 4, []uint64{5}))
	require.Equal(t, []uint64{5}, terms(w))
}
