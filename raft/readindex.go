package raft

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	etcdraft "go.etcd.io/raft/v3"
)

// readRetry is how long a round may take before it is started again: its messages may be lost.
const readRetry = 500 * time.Millisecond

// readRound is what readers wait for together: one exchange of heartbeats answers them all.
type readRound struct {
	done  chan struct{} // closed when index is set
	index uint64
	first uint64 // sequence of the first exchange for it; it and all later ones answer it
}

// reads gathers readers into rounds. A reader joins the round that has not begun yet, so it never gets an index that was
// taken before it asked.
type reads struct {
	mu   sync.Mutex
	next *readRound // readers whose round has not begun; nil when there are none

	// Used in passes only.
	nonce    uint64       // makes contexts of this run differ from those of an earlier one, whose answers may still arrive
	sequence uint64       // counts exchanges
	inFlight []*readRound // oldest first
	ticks    int          // since the round began
}

// join returns the round the caller shall wait for, and whether he is the first in it.
func (r *reads) join() (_ *readRound, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first = r.next == nil; first {
		r.next = &readRound{done: make(chan struct{})}
	}
	return r.next, first
}

// waiting tells that there are readers whose round has not begun.
func (r *reads) waiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next != nil
}

// takeNext returns the readers that came since the last round began, nil when there are none.
func (r *reads) takeNext() *readRound {
	r.mu.Lock()
	defer r.mu.Unlock()
	round := r.next
	r.next = nil
	return round
}

// begin starts a round for everybody who waits and returns its context, nil when nobody does.
func (r *reads) begin() []byte {
	if next := r.takeNext(); next != nil {
		next.first = r.sequence + 1
		r.inFlight = append(r.inFlight, next)
	}
	if len(r.inFlight) == 0 {
		return nil
	}
	r.sequence++
	r.ticks = 0
	return r.context()
}

// context names the newest exchange.
func (r *reads) context() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), r.nonce)
	return binary.BigEndian.AppendUint64(b, r.sequence)
}

// answer ends the rounds that began with the exchange that state belongs to, or before it. The answer to one that was
// started again since counts too: where the network is slower than readRetry, there is no other.
func (r *reads) answer(state etcdraft.ReadState) {
	if len(state.RequestCtx) != 16 || binary.BigEndian.Uint64(state.RequestCtx) != r.nonce {
		return // of an earlier run
	}
	sequence := binary.BigEndian.Uint64(state.RequestCtx[8:])
	n := 0
	for n < len(r.inFlight) && r.inFlight[n].first <= sequence {
		r.inFlight[n].index = state.Index
		close(r.inFlight[n].done)
		n++
	}
	r.inFlight = slices.Delete(r.inFlight, 0, n)
}

// ReadIndex returns an index such that a read of the state at or after it is linearizable: the state must be applied up to
// it first. It waits, also while there is no leader, until ctx ends.
func (n *Node) ReadIndex(ctx context.Context) (uint64, error) {
	if index, ok := n.ReadIndexNow(); ok {
		return index, nil
	}
	round, first := n.reads.join()
	if first {
		n.turn()
	}
	select {
	case <-round.done:
		return round.index, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-n.stopped:
		return 0, ErrStopped
	}
}

// ReadIndexNow returns what ReadIndex would, where that takes no round: of a leader that is the only voter.
func (n *Node) ReadIndexNow() (index uint64, ok bool) {
	select {
	case <-n.stopped:
		return 0, false
	default:
	}
	st := n.status.Load()
	return st.Commit, st.Alone
}

// earlyReadsMax bounds the others' questions that wait; who is turned away asks again.
const earlyReadsMax = 64

// readsTooEarly tells that this leader must not answer yet, or never again.
//
// NB: the library postpones rounds of a leader that has committed nothing in its term, but not where there is one voter.
// There the commit index is whatever the log happened to record before a restart, and acknowledged entries may be above it.
// Nor does it look who that voter is: a leader that removed itself would answer alone while the one who is left commits.
// It is asked of the library, because the published view does not know yet of an election that was won a message ago.
func (n *Node) readsTooEarly() bool {
	now := n.raw.BasicStatus()
	if now.RaftState != etcdraft.StateLeader {
		return false
	}
	_, votes := n.voters()
	return !votes || n.committedTerm != now.GetTerm()
}

// stepReads begins a round when readers wait, none is in flight (or it takes too long), and somebody can answer.
func (n *Node) stepReads() {
	r := &n.reads
	if len(r.inFlight) > 0 {
		if r.ticks < n.readRetryTicks {
			return
		}
	} else if !r.waiting() {
		return
	}
	if n.st.Lead == etcdraft.None || n.readsTooEarly() {
		return
	}
	if ctx := r.begin(); ctx != nil {
		n.raw.ReadIndex(ctx)
	}
}

// stepEarlyReads lets the others' questions in that came too early.
func (n *Node) stepEarlyReads() {
	if len(n.earlyReads) == 0 || n.readsTooEarly() {
		return
	}
	for _, m := range n.earlyReads {
		n.step(m)
	}
	n.earlyReads = nil
}
