package raft

import (
	"context"
	"fmt"
	"sync/atomic"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// appendQueue holds what the log goroutine shall write, in order. It needs no bound: raft's flow control and the hold on
// proposals bound it.
type appendQueue struct {
	mailbox[*raftpb.Message]
	news chan struct{}
	sent atomic.Uint64 // messages handed out that somebody waits for
	done atomic.Uint64 // of these, the written ones
	// rounds is how many of the messages that are not written yet have entries.
	rounds atomic.Int64
	due    atomic.Bool // a commit index that nothing followed is to be written

	// Owned by who uses the library's node.
	term, vote uint64 // as of the newest message
	attested   uint64 // term of the newest response that tells the library what is stable
	idle       bool   // the newest message brought at most a commit index, which may not be written yet
}

func (q *appendQueue) init() {
	q.news = make(chan struct{}, 1)
	q.wake = q.news
}

// put hands a message to the log goroutine. A new commit index alone is written with what comes next, or at the next tick: it
// need not be durable, as a log with an older one is good too.
func (q *appendQueue) put(m *raftpb.Message) {
	q.dropRepetition(m)
	if len(m.GetEntries()) > 0 {
		q.rounds.Add(1)
	}
	q.idle = len(m.GetEntries()) == 0 && m.GetSnapshot() == nil && (m.Term == nil || (m.GetTerm() == q.term && m.GetVote() == q.vote))
	if m.Term != nil {
		q.term, q.vote = m.GetTerm(), m.GetVote()
	}
	switch {
	case awaited(m):
		q.sent.Add(1)
	case q.idle:
		q.putQuietly(m)
		return
	}
	q.mailbox.put(m)
}

// dropRepetition takes from a message the response that an earlier one brings too. As long as entries are being written, every message
// says of them again that they are stable, a mere commit index as well. That counts once a term: what was said in an older term is
// ignored. Each repetition would cost a pass, and a line in the library's log.
func (q *appendQueue) dropRepetition(m *raftpb.Message) {
	bringsMore := len(m.GetEntries()) > 0 || m.GetSnapshot() != nil
	kept := m.Responses[:0]
	for _, r := range m.GetResponses() {
		if r.GetType() == raftpb.MsgStorageAppendResp {
			if !bringsMore && r.GetTerm() == q.attested {
				continue
			}
			q.attested = r.GetTerm()
		}
		kept = append(kept, r)
	}
	m.Responses = kept
}

// tick lets the log goroutine write a commit index that nothing followed.
func (q *appendQueue) tick() {
	if q.idle {
		q.idle = false
		q.due.Store(true)
		signal(q.wake)
	}
}

// awaited tells that something follows from a message once it is written.
func awaited(m *raftpb.Message) bool {
	if len(m.GetEntries()) > 0 || m.GetSnapshot() != nil {
		return true
	}
	for _, r := range m.GetResponses() {
		if r.GetType() != raftpb.MsgStorageAppendResp || r.GetIndex() != 0 {
			return true
		}
	}
	return false
}

// logWrite is one write to the log: several messages' entries and their newest hard state.
type logWrite struct {
	hs      *raftpb.HardState
	entries []*raftpb.Entry
	owned   bool // entries is ours to change, not a message's
	sync    bool // responses wait for it
}

// add merges a message. Entries replace what they conflict with, as in the log itself.
func (w *logWrite) add(m *raftpb.Message) {
	hs := &raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	if !etcdraft.IsEmptyHardState(hs) {
		w.hs = hs
	}
	if len(m.GetResponses()) > 0 {
		w.sync = true
	}
	es := m.GetEntries()
	if len(es) == 0 {
		return
	}
	if len(w.entries) == 0 {
		w.entries = es
		return
	}
	if !w.owned {
		w.entries, w.owned = append([]*raftpb.Entry(nil), w.entries...), true
	}
	first, next := w.entries[0].GetIndex(), es[0].GetIndex()
	if next <= first {
		w.entries = append(w.entries[:0], es...)
		return
	}
	w.entries = append(w.entries[:min(next-first, uint64(len(w.entries)))], es...)
}

// runLog is the log goroutine: everything that waits becomes one synced write.
func (n *Node) runLog(ctx context.Context) error {
	w := &logWriter{n: n, ctx: ctx}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.appends.news:
		}
		if err := w.turn(); err != nil {
			return err
		}
	}
}

// logWriter is the log goroutine's state.
type logWriter struct {
	n    *Node
	ctx  context.Context
	used []*raftpb.Message

	unsynced   bool              // entries, a term or a vote were written without a sync
	term, vote uint64            // as of the newest write
	held       *raftpb.HardState // what is to be written with what comes next, or nil
}

// turn writes all that waits.
func (w *logWriter) turn() error {
	due := w.n.appends.due.Swap(false)
	w.used = w.n.appends.take(w.used)
	if err := w.write(w.used); err != nil || !due {
		return err
	}
	return w.writeHeld()
}

// write writes ms in as few writes as possible and delivers the responses after each, in order. A snapshot is a write of
// its own: what came before it must be in the log, what comes after it follows the snapshot.
func (w *logWriter) write(ms []*raftpb.Message) error {
	for len(ms) > 0 {
		var lw logWrite
		count := 0
		for _, m := range ms {
			if m.GetSnapshot() != nil {
				if count > 0 {
					break
				}
				if err := w.install(m); err != nil {
					return fmt.Errorf("raft: write log: %w", err)
				}
			}
			lw.add(m)
			count++
		}
		if err := w.append(&lw); err != nil {
			return fmt.Errorf("raft: write log: %w", err)
		}
		if err := w.deliver(ms[:count]); err != nil {
			return err
		}
		ms = ms[count:]
	}
	return nil
}

// append writes to the log. It syncs when a response attests to something that is not durable yet. A commit index alone need not be
// durable, and is held: a write of its own would cost the disk as much as one of entries.
func (w *logWriter) append(lw *logWrite) error {
	changed := len(lw.entries) > 0
	if lw.hs != nil {
		changed = changed || lw.hs.GetTerm() != w.term || lw.hs.GetVote() != w.vote
		w.term, w.vote, w.held = lw.hs.GetTerm(), lw.hs.GetVote(), lw.hs
	}
	w.unsynced = w.unsynced || changed
	sync := lw.sync && w.unsynced
	if !changed && !sync {
		return nil
	}
	if err := w.n.cfg.Log.Append(w.held, lw.entries, sync); err != nil {
		return err
	}
	w.held = nil
	if sync {
		w.unsynced = false
	}
	return nil
}

// writeHeld writes a commit index that nothing followed.
func (w *logWriter) writeHeld() error {
	if w.held == nil {
		return nil
	}
	if err := w.n.cfg.Log.Append(w.held, nil, false); err != nil {
		return fmt.Errorf("raft: write log: %w", err)
	}
	w.held = nil
	return nil
}

// install lets the apply goroutine install a snapshot, after everything it was given before, and then empties the log.
// In this order: a state newer than the log can be recognized at the next start, the reverse would be a hole.
func (w *logWriter) install(m *raftpb.Message) error {
	snap := m.GetSnapshot()
	installed := make(chan struct{})
	w.n.applies.put(applyItem{snapshot: snap, done: installed})
	if w.n.driven {
		if err := w.n.applyTurn(w.ctx); err != nil {
			return err
		}
	}
	select {
	case <-installed:
	case <-w.ctx.Done():
		return context.Cause(w.ctx) // not nil: the responses must not leave
	}
	hs := &raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	if etcdraft.IsEmptyHardState(hs) {
		hs = nil
	}
	if err := w.n.cfg.Log.Reset(snap.GetMetadata(), hs); err != nil {
		return err
	}
	w.unsynced, w.held = false, nil
	return nil
}

// deliver sends the responses: over the network, or to this member's own node, in a pass. One that says only that a commit
// index was written tells raft nothing.
func (w *logWriter) deliver(ms []*raftpb.Message) error {
	var local, remote []*raftpb.Message
	count := uint64(0)
	for _, m := range ms {
		if !awaited(m) {
			continue
		}
		count++
		if len(m.GetEntries()) > 0 {
			w.n.appends.rounds.Add(-1)
		}
		for _, r := range m.GetResponses() {
			if r.GetTo() == w.n.cfg.ID {
				local = append(local, r)
			} else {
				remote = append(remote, r)
			}
		}
	}
	if len(remote) > 0 {
		w.n.cfg.Send(remote)
	}
	w.n.appends.done.Add(count)
	if len(local) == 0 {
		return nil
	}
	w.n.local.putQuietly(local...)
	return w.n.turnHere(w.ctx)
}
