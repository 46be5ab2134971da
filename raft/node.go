package raft

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Node is one member's part in consensus. Make it with NewNode, then Run it; all other methods may be called from any
// goroutine, but ApplyConfChange only from within StateMachine.Apply.
type Node struct {
	cfg            Config
	readRetryTicks int
	metrics        *metrics

	// Ways to the library's node. Whoever uses one sees to a pass: by turn, or by waking the raft goroutine.
	wake      chan struct{}
	inbox     mailbox[*raftpb.Message] // from the network
	local     mailbox[*raftpb.Message] // responses of the log and apply goroutines, and reports of the transport
	calls     mailbox[*confCall]
	proposals proposalQueue
	reads     reads

	// Ways out of it.
	appends  appendQueue
	applies  applyQueue
	status   atomic.Pointer[Status]
	progress atomic.Pointer[progressMap]
	changes  changes
	stopped  chan struct{} // closed when Run returns
	driven   bool          // by a Driven, in place of Run

	// What follows is used by one goroutine at a time: the raft goroutine, or another in its place (turn).
	mu            sync.Mutex
	open          bool  // Run is at its loop
	failed        error // the library's panic
	raw           *etcdraft.RawNode
	st            Status
	committedTerm uint64 // the newest term of which an entry is known to be committed and in the log
	restored      uint64 // the index of the last snapshot that the library has taken in
	applyHere     bool   // who makes the pass applies what it finds committed
	stall         stall
	lastTick      time.Time
	pending       []proposal // taken from the queue and not yet in raft
	refused       []refusedChange
	earlyReads    []*raftpb.Message
	usedInbox     []*raftpb.Message
	usedLocal     []*raftpb.Message
	usedCalls     []*confCall
}

// NewNode checks the configuration and reads the log; nothing runs before Run.
func NewNode(c Config) (*Node, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	st, err := newStorage(&c)
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:            c,
		readRetryTicks: max(1, int((readRetry+c.TickInterval-1)/c.TickInterval)),
		wake:           make(chan struct{}, 1),
		stopped:        make(chan struct{}),
		stall:          stall{ticksMax: c.ElectionTicks},
	}
	n.local.wake, n.calls.wake = n.wake, n.wake
	n.proposals = proposalQueue{itemsMax: c.ProposalsMax, bytesMax: c.ProposalBytesMax}
	n.appends.init()
	n.applies.init(int(c.ApplyingBytesMax / 4))
	n.changes.init()
	if n.reads.nonce = c.Nonce; n.reads.nonce == 0 {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("raft: nonce: %w", err)
		}
		n.reads.nonce = binary.BigEndian.Uint64(b[:])
	}
	if n.raw, err = newRawNode(&c, st); err != nil {
		return nil, err
	}
	n.st = Status{ID: c.ID, Term: st.hs.GetTerm(), Commit: st.hs.GetCommit(), Applied: c.Applied, State: etcdraft.StateFollower}
	n.publish()
	n.publishProgress()
	if n.metrics, err = newMetrics(c.Registerer, func() float64 { return float64(n.proposals.len()) }); err != nil {
		return nil, err
	}
	return n, nil
}

// newRawNode makes the library's node. It panics on a log it can't begin with.
func newRawNode(c *Config, st *storage) (raw *etcdraft.RawNode, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrInvariant, r)
		}
	}()
	return etcdraft.NewRawNode(&etcdraft.Config{
		ID:                        c.ID,
		ElectionTick:              c.ElectionTicks,
		HeartbeatTick:             1,
		Storage:                   st,
		Applied:                   c.Applied,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             c.MessageBytesMax,
		MaxCommittedSizePerReady:  c.ApplyingBytesMax,
		MaxUncommittedEntriesSize: c.UncommittedBytesMax,
		MaxInflightMsgs:           c.InflightMax,
		MaxInflightBytes:          c.InflightBytesMax,
		CheckQuorum:               true,
		PreVote:                   c.PreVote,
		// A leader that removed itself goes on until it is stopped: who is left may not know yet that the removal is
		// committed, and learns it from the next heartbeat if from nothing before.
		StepDownOnRemoval: false,
		Logger:            libraryLogger{c.Logger},
	})
}

// Propose queues data for the log. While there is no leader, and while the queue is full, it waits until ctx ends. nil means
// queued, not committed: raft may still lose it, and what becomes of it the caller learns from Apply. ctx shall end when the
// caller waits no longer: what is still queued then is dropped.
func (n *Node) Propose(ctx context.Context, data []byte) error {
	return n.propose(ctx, proposal{typ: raftpb.EntryNormal, data: data, by: contextProposer{ctx}})
}

// TryPropose is Propose where that need not wait: false means that it would, and that nothing is queued.
func (n *Node) TryPropose(data []byte, by Proposer) bool {
	if n.status.Load().Lead == etcdraft.None {
		return false
	}
	select {
	case <-n.stopped:
		return false
	default:
	}
	if !n.proposals.tryPut(proposal{typ: raftpb.EntryNormal, data: data, by: by}) {
		return false
	}
	n.proposed()
	return true
}

// proposed lets a queued proposal enter raft. While entries are being synced it has to wait, or can: the log goroutine sees to
// it afterwards.
func (n *Node) proposed() {
	if n.appends.rounds.Load() == 0 {
		n.turn()
	}
}

// ProposeConfChange queues a change of the configuration, as Propose does. One that comes while another is not applied yet is proposed
// again for a while.
func (n *Node) ProposeConfChange(ctx context.Context, cc raftpb.ConfChangeI) error {
	typ, data, err := raftpb.MarshalConfChange(cc)
	if err != nil {
		return fmt.Errorf("raft: encode configuration change: %w", err)
	}
	return n.propose(ctx, proposal{typ: typ, data: data, by: contextProposer{ctx}})
}

func (n *Node) propose(ctx context.Context, p proposal) error {
	select {
	case <-n.stopped:
		return ErrStopped
	default:
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n.status.Load().Lead != etcdraft.None {
			err := n.proposals.put(ctx, p, n.stopped)
			if err == nil {
				n.proposed()
			}
			return err
		}
		changed := n.changes.wait()
		if n.status.Load().Lead != etcdraft.None {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-n.stopped:
			return ErrStopped
		}
	}
}

// TransferLeader asks for leadership to move to another member. Whether it did shows in Status.
func (n *Node) TransferLeader(to uint64) {
	n.local.put(&raftpb.Message{Type: raftpb.MsgTransferLeader.Enum(), From: new(to)})
}

// Step takes a message from the network. It doesn't wait: ErrOverloaded means the message was dropped.
func (n *Node) Step(_ context.Context, m *raftpb.Message) error {
	if err := validate(n.cfg.ID, m); err != nil {
		return err
	}
	select {
	case <-n.stopped:
		return ErrStopped
	default:
	}
	if !n.putInbox(m) {
		return ErrOverloaded
	}
	return nil
}

func (n *Node) putInbox(m *raftpb.Message) bool {
	if !n.inbox.putBounded(m, proto.Size(m), n.cfg.MessagesMax, n.cfg.MessagesBytesMax) {
		return false
	}
	n.turn()
	return true
}

// ReportUnreachable tells that messages to a member were lost.
func (n *Node) ReportUnreachable(id uint64) {
	n.putInbox(&raftpb.Message{Type: raftpb.MsgUnreachable.Enum(), From: new(id)})
}

// ReportSnapshot tells whether a snapshot arrived at a member.
func (n *Node) ReportSnapshot(id uint64, ok bool) {
	n.local.put(&raftpb.Message{Type: raftpb.MsgSnapStatus.Enum(), From: new(id), Reject: new(!ok)})
}

// changes tells waiters that the leader or the role changed.
type changes struct {
	mu sync.Mutex
	c  chan struct{}
}

func (c *changes) init() { c.c = make(chan struct{}) }

func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.c
}

func (c *changes) notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.c)
	c.c = make(chan struct{})
}

// LeaderChanged returns a channel that is closed at the next change of leader or of this member's role. Ask again for the
// one after; ask first, then look at Status.
func (n *Node) LeaderChanged() <-chan struct{} { return n.changes.wait() }
