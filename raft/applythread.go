package raft

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/raft/v3/raftpb"
)

// applyEntriesMax bounds the entries of one Apply call that is merged from several messages.
const applyEntriesMax = 10_000

// errUnwind ends whoever applies from within ApplyConfChange.
var errUnwind = errors.New("raft: node failed while a configuration change was applied")

// applyItem is work for the apply goroutine: committed entries, or a snapshot to install.
type applyItem struct {
	entries *raftpb.Message

	snapshot *raftpb.Snapshot
	done     chan struct{} // closed when the snapshot is installed
}

// applyQueue holds what is to be applied, in order, bounded by Config.ApplyingBytesMax. The apply goroutine does it, or the log
// goroutine in its place (Node.turnHere).
type applyQueue struct {
	mailbox[applyItem]
	news chan struct{}

	// What follows is of who applies.
	turn      sync.Mutex
	used      []applyItem
	untold    int // bytes of entries that were applied since raft was woken for that
	untoldMax int
}

func (q *applyQueue) init(untoldMax int) {
	q.news = make(chan struct{}, 1)
	q.wake = q.news
	q.untoldMax = untoldMax
}

// runApply is the apply goroutine.
func (n *Node) runApply(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.applies.news:
		}
		if err := n.applyTurn(ctx); err != nil {
			return err
		}
	}
}

// applyTurn applies all that waits.
func (n *Node) applyTurn(ctx context.Context) error {
	n.applies.turn.Lock()
	defer n.applies.turn.Unlock()
	return n.applyQueued(ctx)
}

// applyQueued applies all that waits. The caller has the turn.
func (n *Node) applyQueued(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errUnwind { //nolint:errorlint // this very value
				panic(r)
			}
			err = errUnwind
		}
	}()
	n.applies.used = n.applies.take(n.applies.used)
	for rest := n.applies.used; len(rest) > 0 && ctx.Err() == nil; {
		count, err := n.applySome(rest)
		if err != nil {
			return err
		}
		rest = rest[count:]
	}
	return nil
}

// applySome installs a snapshot, or applies the entries of as many items as fit into one call.
func (n *Node) applySome(items []applyItem) (count int, err error) {
	if snap := items[0].snapshot; snap != nil {
		if err := n.cfg.StateMachine.InstallSnapshot(snap); err != nil {
			return 0, fmt.Errorf("raft: install snapshot %d: %w", snap.GetMetadata().GetIndex(), err)
		}
		close(items[0].done)
		return 1, nil
	}
	entries := items[0].entries.GetEntries()
	count = 1
	for count < len(items) && items[count].snapshot == nil && len(entries) < applyEntriesMax {
		if count == 1 {
			entries = append([]*raftpb.Entry(nil), entries...)
		}
		entries = append(entries, items[count].entries.GetEntries()...)
		count++
	}
	if err := n.cfg.StateMachine.Apply(entries); err != nil {
		return 0, fmt.Errorf("raft: apply entries %d to %d: %w",
			entries[0].GetIndex(), entries[len(entries)-1].GetIndex(), err)
	}
	for _, item := range items[:count] {
		n.local.putQuietly(item.entries.GetResponses()...)
	}
	// Raft gives no more than so much at a time, and waits for the answer where there is more.
	behind := count == len(items) && n.applies.empty() && entries[len(entries)-1].GetIndex() < n.status.Load().Commit
	if n.applies.mustTell(entries) || behind {
		signal(n.wake)
	}
	return count, nil
}

// mustTell tells whether raft must learn at once that entries are applied: it may wait for that after a change of the
// configuration, or once much is being applied. Else it learns it with whatever wakes it next, a tick at the latest.
func (q *applyQueue) mustTell(entries []*raftpb.Entry) bool {
	tell := false
	for _, e := range entries {
		q.untold += len(e.GetData())
		tell = tell || e.GetType() != raftpb.EntryNormal
	}
	if tell = tell || q.untold >= q.untoldMax; tell {
		q.untold = 0
	}
	return tell
}
