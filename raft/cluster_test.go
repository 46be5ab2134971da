package raft

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/raft/log"
)

const (
	testTick      = 5 * time.Millisecond
	testElection  = 10
	testPatience  = 20 * time.Second
	testPollEvery = 2 * time.Millisecond
)

// network carries messages between members of one process; links can be cut and lossy.
type network struct {
	mu      sync.Mutex
	members map[uint64]*member
	cut     map[[2]uint64]bool
	loss    float64
	lost    func(*raftpb.Message) bool // nil for none
	rng     *rand.Rand
}

func newNetwork(seed uint64) *network {
	return &network{members: map[uint64]*member{}, cut: map[[2]uint64]bool{}, rng: rand.New(rand.NewPCG(seed, 1))}
}

// isolate cuts or heals every link of a member, in both directions.
func (w *network) isolate(id uint64, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for other := range w.members {
		w.cut[[2]uint64{id, other}], w.cut[[2]uint64{other, id}] = cut, cut
	}
}

func (w *network) setLoss(p float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loss = p
}

// drop loses the messages of which lost says so, from now on.
func (w *network) drop(lost func(*raftpb.Message) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = lost
}

// receiver returns the member a message goes to, nil when it is lost.
func (w *network) receiver(m *raftpb.Message) *member {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut[[2]uint64{m.GetFrom(), m.GetTo()}] || (w.loss > 0 && w.rng.Float64() < w.loss) || (w.lost != nil && w.lost(m)) {
		return nil
	}
	return w.members[m.GetTo()]
}

// send delivers messages the way a network would: as bytes, and a snapshot with the state in it.
func (w *network) send(from *member, ms []*raftpb.Message) {
	for _, m := range ms {
		to := w.receiver(m)
		if to == nil {
			if m.GetType() == raftpb.MsgSnap {
				from.node.ReportSnapshot(m.GetTo(), false)
			}
			continue
		}
		b, err := proto.Marshal(m)
		if err != nil {
			panic(err)
		}
		c := &raftpb.Message{}
		if err := proto.Unmarshal(b, c); err != nil {
			panic(err)
		}
		if m.GetType() == raftpb.MsgSnap {
			c.Snapshot = from.sm.snapshot()
			err := to.step(c)
			from.node.ReportSnapshot(m.GetTo(), err == nil)
			continue
		}
		_ = to.step(c)
	}
}

// member is a node with its log and state machine, which outlive it.
type member struct {
	t       *testing.T
	id      uint64
	network *network
	fs      vfs.FS
	sm      *machine

	mu   sync.Mutex
	node *Node
	stop func() error
}

func (m *member) step(msg *raftpb.Message) error {
	m.mu.Lock()
	n := m.node
	m.mu.Unlock()
	if n == nil {
		return ErrStopped
	}
	return n.Step(context.Background(), msg)
}

// start runs the member; change may alter its configuration.
func (m *member) start(change ...func(*Config)) {
	m.t.Helper()
	l, err := log.Open("log", log.Options{FS: m.fs})
	require.NoError(m.t, err)
	index, cs := m.sm.position()
	cfg := Config{
		ID: m.id, TickInterval: testTick, ElectionTicks: testElection, PreVote: true,
		Log: l, Applied: index, ConfState: cs, StateMachine: m.sm, Logger: testLogger(m.id),
	}
	for _, f := range change {
		f(&cfg)
	}
	cfg.Send = func(ms []*raftpb.Message) { m.network.send(m, ms) }
	n, err := NewNode(cfg)
	require.NoError(m.t, err)
	m.sm.setNode(n)
	m.mu.Lock()
	m.node = n
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	m.stop = func() error {
		cancel()
		return errors.Join(<-done, l.Close())
	}
	m.mu.Unlock()
}

// end stops the member if it runs, and returns what its Run returned.
func (m *member) end() error {
	m.mu.Lock()
	stop := m.stop
	m.stop, m.node = nil, nil
	m.mu.Unlock()
	if stop == nil {
		return nil
	}
	return stop()
}

// crash ends the member and begins it again: what its log had recorded of the commit index is lost, the entries are not, and its state
// is made anew from them.
func (m *member) crash() {
	m.t.Helper()
	require.NoError(m.t, m.end())
	m.sm = &machine{cs: m.sm.cs}
	forgetCommit(m.t, m.fs)
	m.start()
}

func testLogger(id uint64) *slog.Logger {
	if os.Getenv("RAFT_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil)).With("member", id)
}

// machine is the state machine of the tests: a list of strings. It stands for a durable state: it survives its node.
type machine struct {
	mu       sync.Mutex
	node     *Node
	index    uint64
	term     uint64
	cs       *raftpb.ConfState
	values   []string
	installs int
}

func (s *machine) setNode(n *Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node = n
}

func (s *machine) position() (uint64, *raftpb.ConfState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index, s.cs
}

func (s *machine) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.values...)
}

func (s *machine) Apply(entries []*raftpb.Entry) error {
	for _, e := range entries {
		if err := s.apply(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *machine) apply(e *raftpb.Entry) error {
	_, before := s.position()
	var cs *raftpb.ConfState
	switch e.GetType() {
	case raftpb.EntryConfChange:
		cc := &raftpb.ConfChange{}
		if err := proto.Unmarshal(e.GetData(), cc); err != nil {
			return err
		}
		cs = s.nodeNow().ApplyConfChange(e.GetIndex(), before, cc)
	case raftpb.EntryConfChangeV2:
		cc := &raftpb.ConfChangeV2{}
		if err := proto.Unmarshal(e.GetData(), cc); err != nil {
			return err
		}
		cs = s.nodeNow().ApplyConfChange(e.GetIndex(), before, cc)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.GetIndex() != s.index+1 {
		return fmt.Errorf("entry %d applied after %d", e.GetIndex(), s.index)
	}
	s.index, s.term = e.GetIndex(), e.GetTerm()
	if cs != nil {
		s.cs = cs
	}
	if e.GetType() == raftpb.EntryNormal && len(e.GetData()) > 0 {
		s.values = append(s.values, string(e.GetData()))
	}
	return nil
}

func (s *machine) nodeNow() *Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node
}

func (s *machine) SnapshotMetadata() (*raftpb.SnapshotMetadata, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &raftpb.SnapshotMetadata{Index: new(s.index), Term: new(s.term), ConfState: s.cs}, nil
}

// snapshot is what a transport would send: the whole state, as of now.
func (s *machine) snapshot() *raftpb.Snapshot {
	meta, _ := s.SnapshotMetadata()
	var data []byte
	for _, v := range s.list()[:] {
		data = append(append(data, v...), '\n')
	}
	return proto.Clone(&raftpb.Snapshot{Metadata: meta, Data: data}).(*raftpb.Snapshot)
}

func (s *machine) InstallSnapshot(snap *raftpb.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.term, s.cs = snap.GetMetadata().GetIndex(), snap.GetMetadata().GetTerm(), snap.GetMetadata().GetConfState()
	s.values = nil
	start := 0
	for i, b := range snap.GetData() {
		if b == '\n' {
			s.values = append(s.values, string(snap.GetData()[start:i]))
			start = i + 1
		}
	}
	s.installs++
	return nil
}

// cluster is some members on one network.
type cluster struct {
	t       *testing.T
	network *network
	members map[uint64]*member
}

// newCluster bootstraps n members with ids from 1 on, all voters, and starts them.
func newCluster(t *testing.T, n int, change ...func(*Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, network: newNetwork(1), members: map[uint64]*member{}}
	var voters []uint64
	for id := uint64(1); id <= uint64(n); id++ {
		voters = append(voters, id)
	}
	for _, id := range voters {
		c.add(id, &raftpb.ConfState{Voters: voters}, vfs.NewMem())
	}
	t.Cleanup(func() {
		for _, m := range c.members {
			require.NoError(t, m.end())
		}
	})
	for _, id := range voters {
		c.members[id].start(change...)
	}
	return c
}

func (c *cluster) add(id uint64, cs *raftpb.ConfState, fs vfs.FS) *member {
	m := &member{t: c.t, id: id, network: c.network, fs: fs, sm: &machine{cs: cs}}
	c.members[id] = m
	c.network.mu.Lock()
	c.network.members[id] = m
	c.network.mu.Unlock()
	return m
}

// leader waits for a leader that is not one of not, and returns it.
func (c *cluster) leader(not ...uint64) *member {
	c.t.Helper()
	var found *member
	require.Eventually(c.t, func() bool {
		for _, m := range c.members {
			m.mu.Lock()
			n := m.node
			m.mu.Unlock()
			if n == nil || n.Status().State != etcdraft.StateLeader {
				continue
			}
			found = m
			for _, id := range not {
				if m.id == id {
					found = nil
				}
			}
			if found != nil {
				return true
			}
		}
		return false
	}, testPatience, testPollEvery)
	return found
}

// applied waits until the members have applied a value.
func (c *cluster) applied(value string, ids ...uint64) {
	c.t.Helper()
	for _, id := range ids {
		require.Eventually(c.t, func() bool {
			for _, v := range c.members[id].sm.list() {
				if v == value {
					return true
				}
			}
			return false
		}, testPatience, testPollEvery, "member %d lacks %q", id, value)
	}
}

func (m *member) propose(value string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	m.t.Cleanup(cancel) // what is queued is dropped once it ends
	require.NoError(m.t, m.node.Propose(ctx, []byte(value)))
}

func (m *member) readIndex() (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	defer cancel()
	return m.node.ReadIndex(ctx)
}
