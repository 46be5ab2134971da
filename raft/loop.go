package raft

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

const (
	// batchBytesMax bounds the entries that enter raft in one message.
	batchBytesMax = 4 << 20
)

// Run runs the node until ctx ends (it returns nil) or something fails. It owns the library's node; the log goroutine and
// the apply goroutine run beside it. All three have ended when it returns. Call it once.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var threads sync.WaitGroup
	run := func(f func(context.Context) error) {
		threads.Go(func() {
			if err := f(ctx); err != nil {
				cancel(err)
			}
		})
	}
	run(n.runLog)
	run(n.runApply)
	err := n.loop(ctx)
	cancel(err)

	ended := make(chan struct{})
	go func() {
		threads.Wait()
		close(ended)
	}()
	n.serveUntil(ended, err)
	close(n.stopped)
	n.changes.notify()
	n.metrics.unregister(n.cfg.Registerer)
	if err == nil || errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// loop is the raft goroutine. It waits for news, and for passes of others.
func (n *Node) loop(ctx context.Context) error {
	ticks := n.cfg.Ticks
	if ticks == nil {
		t := time.NewTicker(n.cfg.TickInterval)
		defer t.Stop()
		ticks = t.C
	}
	defer n.shut()
	err := n.exclusively(func() {
		n.open = true
		n.begin()
	})
	for err == nil {
		if err = n.exclusively(n.pass); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return n.exclusively(func() {}) // what ended it may follow from a failure
		case at := <-ticks:
			err = n.exclusively(func() {
				n.noteLateTick(at)
				n.tick()
			})
		case <-n.wake:
		}
	}
	return err
}

// shut ends passes by others.
func (n *Node) shut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = false
}

// exclusively lets f use the library's node, unless it has failed. A panic of the library is such a failure.
func (n *Node) exclusively(f func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.protected(f)
}

// protected is exclusively for who has the lock.
func (n *Node) protected(f func()) (err error) {
	if n.failed == nil {
		defer func() { err = n.failed }()
		defer n.recoverInvariant(&n.failed)
		f()
	}
	return n.failed
}

// turn makes a pass in the caller's goroutine, which is cheaper than waking the raft goroutine for it. Where that may not be
// (another pass is under way, or the node does not run) it is woken.
func (n *Node) turn() {
	if !n.mu.TryLock() {
		signal(n.wake)
		return
	}
	defer n.mu.Unlock()
	if !n.open || n.protected(n.pass) != nil {
		signal(n.wake)
	}
}

// turnHere is turn for the log goroutine, which also applies what became committed where nothing else is to be written: it saves
// waking the apply goroutine. Only a member that is alone does so. Elsewhere others wait for what it writes, and an entry that
// takes long to apply must not hold that up.
func (n *Node) turnHere(ctx context.Context) error {
	if !n.applies.turn.TryLock() {
		n.turn()
		return nil
	}
	defer n.applies.turn.Unlock()
	if !n.mu.TryLock() {
		signal(n.wake)
		return nil
	}
	n.applyHere = n.alone()
	done := n.open && n.protected(n.pass) == nil
	here := n.applyHere
	n.applyHere = false
	n.mu.Unlock()
	if !done {
		signal(n.wake)
	}
	switch {
	case !here || n.applies.empty():
		return nil
	case n.appends.rounds.Load() > 0:
		signal(n.applies.news)
		return nil
	}
	return n.applyQueued(ctx)
}

// readiesMax bounds how much of what the library wants is carried out in one pass.
const readiesMax = 4

// pass takes all that waits to the library, and carries out what it wants.
func (n *Node) pass() {
	n.stepLocal()
	n.stepInbox()
	n.stepProposals()
	n.stepReads()
	n.handleReady()
	for i := 1; n.raw.HasReady(); i++ {
		if i == readiesMax {
			signal(n.wake)
			return
		}
		n.handleReady()
	}
}

// begin shortens the wait for the first leader.
func (n *Node) begin() {
	n.campaignAlone()
	if n.cfg.AdvanceTicks {
		for range n.cfg.ElectionTicks - 1 {
			n.raw.Tick()
		}
	}
}

// campaignAlone makes the only voter leader without waiting for an election timeout.
func (n *Node) campaignAlone() {
	if n.st.Lead != etcdraft.None || n.st.State != etcdraft.StateFollower || n.stall.stalled() || !n.alone() {
		return
	}
	if err := n.raw.Campaign(); err != nil {
		n.cfg.Logger.Warn("could not campaign", "member_id", n.cfg.ID, "error", err)
	}
}

// alone tells that this member is the only voter.
func (n *Node) alone() bool {
	voters, me := n.voters()
	return voters == 1 && me
}

// voters counts those who have a vote, and tells whether this member is one of them.
func (n *Node) voters() (count int, me bool) {
	n.raw.WithProgress(func(id uint64, typ etcdraft.ProgressType, _ tracker.Progress) {
		if typ == etcdraft.ProgressTypePeer {
			count++
			me = me || id == n.cfg.ID
		}
	})
	return count, me
}

// recoverInvariant turns the library's panic into an error.
func (n *Node) recoverInvariant(err *error) {
	if r := recover(); r != nil {
		n.cfg.Logger.Error("raft failed", "member_id", n.cfg.ID, "error", r, "stack", string(debug.Stack()))
		*err = fmt.Errorf("%w: %v", ErrInvariant, r)
		n.st.Alone = false
		n.status.Store(new(n.st))
	}
}

// serveUntil answers the apply goroutine while it finishes what it is at. After a failure there is no answer any more.
func (n *Node) serveUntil(ended <-chan struct{}, failed error) {
	for {
		if failed == nil {
			failed = n.exclusively(n.stepCalls)
		}
		if failed != nil {
			for _, call := range n.calls.take(nil) {
				close(call.done)
			}
		}
		select {
		case <-n.wake:
		case <-ended:
			return
		}
	}
}

// stepLocal handles what this member's own parts report. Configuration changes come first: the response of the entries
// they were in is queued after them.
func (n *Node) stepLocal() {
	n.stepCalls()
	n.usedLocal = n.local.take(n.usedLocal)
	for _, m := range n.usedLocal {
		switch m.GetType() {
		case raftpb.MsgTransferLeader:
			n.raw.TransferLeader(m.GetFrom())
		case raftpb.MsgSnapStatus:
			status := etcdraft.SnapshotFinish
			if m.GetReject() {
				status = etcdraft.SnapshotFailure
			}
			n.raw.ReportSnapshot(m.GetFrom(), status)
		default:
			n.noteApplied(m)
			n.step(m)
		}
	}
	if len(n.usedLocal) > 0 {
		n.campaignAlone() // the configuration may just have been applied
	}
}

// noteApplied keeps the applied index of the published view.
func (n *Node) noteApplied(m *raftpb.Message) {
	if m.GetType() == raftpb.MsgStorageApplyResp {
		if es := m.GetEntries(); len(es) > 0 {
			n.st.Applied = max(n.st.Applied, es[len(es)-1].GetIndex())
		}
	}
	if m.GetType() == raftpb.MsgStorageAppendResp && m.GetSnapshot() != nil {
		n.st.Applied = max(n.st.Applied, m.GetSnapshot().GetMetadata().GetIndex())
	}
}

// stepInbox handles messages from the network.
func (n *Node) stepInbox() {
	n.stepEarlyReads()
	n.usedInbox = n.inbox.take(n.usedInbox)
	for _, m := range n.usedInbox {
		switch {
		case m.GetType() == raftpb.MsgReadIndex && n.readsTooEarly():
			if len(n.earlyReads) < earlyReadsMax {
				n.earlyReads = append(n.earlyReads, m)
			}
		case m.GetType() == raftpb.MsgUnreachable:
			n.raw.ReportUnreachable(m.GetFrom())
		case m.GetType() == raftpb.MsgTimeoutNow && n.stall.stalled():
			// It would win with the others' votes and could not lead.
		default:
			n.step(m)
		}
	}
}

func (n *Node) step(m *raftpb.Message) {
	step := n.raw.Step
	if m.GetType() == raftpb.MsgProp {
		step = n.stepProposing
	}
	err := step(m)
	if err != nil && !errors.Is(err, etcdraft.ErrStepPeerNotFound) && !errors.Is(err, etcdraft.ErrProposalDropped) {
		n.cfg.Logger.Warn("raft refused a message", "member_id", n.cfg.ID, "type", m.GetType().String(), "from", m.GetFrom(), "error", err)
	}
}

// stepProposals lets queued proposals enter raft as one message.
func (n *Node) stepProposals() {
	if n.st.Lead == etcdraft.None {
		return
	}
	if n.st.State == etcdraft.StateLeader && n.appends.rounds.Load() > 0 {
		// All that comes while entries are being synced shares the next sync. A second round in the queue would hold the
		// first few of them, and the rest would wait for its sync too. The log goroutine wakes us.
		return
	}
	if len(n.pending) == 0 {
		n.pending = n.proposals.take(n.pending)
	}
	taken, entries := batch(n.pending)
	if len(entries) > 0 {
		err := n.stepProposing(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(n.cfg.ID), Entries: entries})
		if err != nil {
			return // no leader after all, a transfer, or too much uncommitted: they wait
		}
	}
	clear(n.pending[:taken])
	if taken == len(n.pending) {
		n.pending = n.pending[:0] // the queue fills it again from its beginning
		return
	}
	n.pending = n.pending[taken:]
	signal(n.wake)
}

// batch makes entries of the first proposals that somebody still waits for; taken counts all it passed.
func batch(ps []proposal) (taken int, entries []*raftpb.Entry) {
	size := 0
	for i := range ps {
		if size += len(ps[i].data); size > batchBytesMax && taken > 0 {
			break
		}
		taken++
	}
	entries = make([]*raftpb.Entry, 0, taken)
	for i := range ps[:taken] {
		p := &ps[i]
		if p.abandoned() {
			continue
		}
		e := &raftpb.Entry{Data: p.data}
		if p.typ != raftpb.EntryNormal {
			e.Type = p.typ.Enum()
		}
		entries = append(entries, e)
	}
	return taken, entries
}

// handleReady carries out what the library wants: messages leave first, then log and state machine get their work. The view
// is published before the messages: who learns of a commit from a follower finds it in the leader's view.
func (n *Node) handleReady() {
	if !n.raw.HasReady() {
		n.publish()
		return
	}
	rd := n.raw.Ready()
	var toLog, toApply *raftpb.Message
	out := make([]*raftpb.Message, 0, len(rd.Messages))
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case etcdraft.LocalAppendThread:
			toLog = m
		case etcdraft.LocalApplyThread:
			toApply = m
		default:
			out = append(out, m)
		}
	}
	n.noteReady(&rd, toApply)
	n.publish()
	if len(out) > 0 {
		n.cfg.Send(out)
	}
	if toLog != nil {
		n.appends.put(toLog)
	}
	if toApply != nil {
		n.applies.putQuietly(applyItem{entries: toApply})
		if !n.applyHere {
			signal(n.applies.news)
		}
	}
	for _, state := range rd.ReadStates {
		n.reads.answer(state)
	}
	n.stepReads()
}

// noteReady updates the published view.
func (n *Node) noteReady(rd *etcdraft.Ready, toApply *raftpb.Message) {
	if rd.HardState != nil && !etcdraft.IsEmptyHardState(rd.HardState) {
		n.st.Term, n.st.Commit = rd.HardState.GetTerm(), rd.HardState.GetCommit()
		n.metrics.committed.Set(float64(n.st.Commit))
	}
	n.restored = max(n.restored, rd.Snapshot.GetMetadata().GetIndex())
	if es := toApply.GetEntries(); len(es) > 0 {
		n.committedTerm = max(n.committedTerm, es[len(es)-1].GetTerm())
	}
	if rd.SoftState == nil {
		return
	}
	if lead := rd.SoftState.Lead; lead != n.st.Lead && lead != etcdraft.None {
		n.metrics.leaderChanges.Inc()
	}
	n.st.Lead, n.st.State = rd.SoftState.Lead, rd.SoftState.RaftState
	n.metrics.hasLeader.Set(gauge(n.st.Lead != etcdraft.None))
	n.metrics.isLeader.Set(gauge(n.st.State == etcdraft.StateLeader))
	n.reads.ticks = n.readRetryTicks // a round that the old leader had is lost
	n.publish()
	n.publishProgress()
	n.changes.notify()
	signal(n.wake) // proposals and readers may have waited for a leader
}

func gauge(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
