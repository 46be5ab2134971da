package raft

import (
	"context"
	"sync"

	"go.etcd.io/raft/v3/raftpb"
)

// Proposer is who proposed an entry.
type Proposer interface {
	// Gone tells that he waits no longer; then what he proposed must not enter raft: he was told that it failed, and it
	// would be written when a leader is found, however late that is. It may be called from any goroutine and never blocks.
	Gone() bool
}

// contextProposer waits until a context ends.
type contextProposer struct{ ctx context.Context }

func (p contextProposer) Gone() bool { return p.ctx.Err() != nil }

// proposal is one entry on its way into raft.
type proposal struct {
	typ  raftpb.EntryType
	data []byte
	by   Proposer // nil: somebody who waits for ever
}

// abandoned tells that nobody waits for p any more.
func (p *proposal) abandoned() bool { return p.by != nil && p.by.Gone() }

// proposalQueue holds proposals until a pass takes them, bounded by number and bytes.
type proposalQueue struct {
	itemsMax int
	bytesMax int

	mu    sync.Mutex
	items []proposal
	bytes int
	room  chan struct{} // closed when the queue was emptied; nil when nobody waits for it
}

// put queues p; when there is no room it waits for it.
func (q *proposalQueue) put(ctx context.Context, p proposal, stopped <-chan struct{}) error {
	if len(p.data) > q.bytesMax {
		return ErrProposalDropped
	}
	for !q.tryPut(p) {
		room := q.waitRoom()
		if q.tryPut(p) {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-stopped:
			return ErrStopped
		}
	}
	return nil
}

// tryPut queues p if there is room.
func (q *proposalQueue) tryPut(p proposal) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= q.itemsMax || q.bytes+len(p.data) > q.bytesMax {
		return false
	}
	q.items = append(q.items, p)
	q.bytes += len(p.data)
	return true
}

// waitRoom returns what is closed when the queue is emptied the next time.
func (q *proposalQueue) waitRoom() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// take empties the queue; used is the slice of an earlier take.
func (q *proposalQueue) take(used []proposal) []proposal {
	clear(used)
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items, q.bytes = used[:0], 0
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return items
}

// len is the number of proposals that wait.
func (q *proposalQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
