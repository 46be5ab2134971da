package raft

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/raft/log"
)

// ended waits for a member that fails by itself and returns its error.
func (m *member) ended() error {
	m.t.Helper()
	select {
	case <-m.node.stopped:
	case <-time.After(testPatience):
		require.Fail(m.t, "the node goes on")
	}
	return m.end()
}

var errApply = errors.New("can't apply")

// stubborn is a machine whose Apply fails on one value.
type stubborn struct{ *machine }

func (s stubborn) Apply(entries []*raftpb.Entry) error {
	for _, e := range entries {
		if string(e.GetData()) == "poison" {
			return errApply
		}
	}
	return s.machine.Apply(entries)
}

func TestFailedApplyStopsTheNode(t *testing.T) {
	c := newCluster(t, 1, func(c *Config) { c.StateMachine = stubborn{c.StateMachine.(*machine)} })
	m := c.leader()
	m.propose("poison")
	require.ErrorIs(t, m.ended(), errApply)
}

// A leader that counts on entries this log lost must not be followed in silence, and the library would panic.
func TestLostEntriesStopTheNode(t *testing.T) {
	c := newCluster(t, 1)
	m := c.leader()
	m.propose("x")
	c.applied("x", 1)
	st := m.node.Status()
	require.NoError(t, m.node.Step(context.Background(), &raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(st.Term + 1), Commit: new(st.Commit + 100),
	}))
	require.ErrorIs(t, m.ended(), ErrInvariant)
}

// A change that can't be applied makes the library panic while the state machine waits in ApplyConfChange.
func TestImpossibleConfigurationUnwindsTheApplyGoroutine(t *testing.T) {
	c := newCluster(t, 1)
	m := c.leader()
	cc := &raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(uint64(1))}
	before, _ := m.sm.position()
	require.NoError(t, m.node.ProposeConfChange(context.Background(), cc))
	require.ErrorIs(t, m.ended(), ErrInvariant)
	after, cs := m.sm.position()
	require.LessOrEqual(t, after, before+1)
	require.Equal(t, []uint64{1}, cs.GetVoters())
}

func TestLogAndStateMustFit(t *testing.T) {
	l, err := log.Open("log", log.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	es := []*raftpb.Entry{{Index: new(uint64(1)), Term: new(uint64(1))}, {Index: new(uint64(2)), Term: new(uint64(1))}}
	require.NoError(t, l.Append(&raftpb.HardState{Term: new(uint64(1)), Commit: new(uint64(1))}, es, true))
	cfg := Config{
		ID: 1, TickInterval: testTick, ElectionTicks: testElection, Log: l, StateMachine: &machine{},
		ConfState: &raftpb.ConfState{Voters: []uint64{1}}, Send: func([]*raftpb.Message) {},
	}
	cfg.Applied = 3
	_, err = NewNode(cfg)
	require.ErrorIs(t, err, ErrLogBehind)
	cfg.Applied = 2 // more than the log recorded as committed
	n, err := NewNode(cfg)
	require.NoError(t, err)
	require.EqualValues(t, 2, n.Status().Commit)

	require.NoError(t, l.Compact(2))
	cfg.Applied = 1
	_, err = NewNode(cfg)
	require.ErrorIs(t, err, ErrLogAhead)
	cfg.ID = 0
	_, err = NewNode(cfg)
	require.Error(t, err)
}

func message(typ raftpb.MessageType, change func(*raftpb.Message)) *raftpb.Message {
	m := &raftpb.Message{Type: typ.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(5))}
	if change != nil {
		change(m)
	}
	return m
}

func TestMessagesNoMemberSendsAreRefused(t *testing.T) {
	entry := func(index, term uint64) *raftpb.Entry { return &raftpb.Entry{Index: new(index), Term: new(term)} }
	bad := map[string]*raftpb.Message{
		"nil":            nil,
		"for another":    message(raftpb.MsgApp, func(m *raftpb.Message) { m.To = new(uint64(3)) }),
		"from nobody":    message(raftpb.MsgApp, func(m *raftpb.Message) { m.From = nil }),
		"from itself":    message(raftpb.MsgApp, func(m *raftpb.Message) { m.From = new(uint64(1)) }),
		"from the log":   message(raftpb.MsgStorageAppendResp, func(m *raftpb.Message) { m.From = new(^uint64(0)) }),
		"with responses": message(raftpb.MsgApp, func(m *raftpb.Message) { m.Responses = []*raftpb.Message{m} }),
		"local":          message(raftpb.MsgHup, nil),
		"of the log":     message(raftpb.MsgStorageAppend, nil),
		"of a check":     message(raftpb.MsgCheckQuorum, nil),
		"unknown":        message(raftpb.MessageType(99), nil),
		"empty proposal": message(raftpb.MsgProp, nil),
		"undecodable change": message(raftpb.MsgProp, func(m *raftpb.Message) {
			m.Entries = []*raftpb.Entry{{Type: raftpb.EntryConfChange.Enum(), Data: []byte{0xff}}}
		}),
		"unknown entry":       message(raftpb.MsgProp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{{Type: raftpb.EntryType(7).Enum()}} }),
		"gap":                 message(raftpb.MsgApp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{entry(2, 1)} }),
		"entry of later term": message(raftpb.MsgApp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{entry(1, 6)} }),
		"terms go down":       message(raftpb.MsgApp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{entry(1, 3), entry(2, 2)} }),
		"no snapshot":         message(raftpb.MsgSnap, nil),
		"read of nothing":     message(raftpb.MsgReadIndex, nil),
		"answer to nothing":   message(raftpb.MsgReadIndexResp, nil),
		"short context":       message(raftpb.MsgHeartbeatResp, func(m *raftpb.Message) { m.Context = []byte{1} }),
		"vote without a term": message(raftpb.MsgVote, func(m *raftpb.Message) { m.Term = nil }),
		"unconfigured snapshot": message(raftpb.MsgSnap, func(m *raftpb.Message) {
			m.Snapshot = &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(uint64(1))}}
		}),
	}
	for name, m := range bad {
		require.ErrorIs(t, validate(1, m), ErrMessage, name)
	}
	good := message(raftpb.MsgApp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{entry(1, 3), entry(2, 5)} })
	require.NoError(t, validate(1, good))
}

// FuzzStep feeds a member whatever decodes as a message. It may end with ErrInvariant, but not by a panic.
func FuzzStep(f *testing.F) {
	for _, m := range []*raftpb.Message{
		message(raftpb.MsgApp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{{Index: new(uint64(1)), Term: new(uint64(5))}} }),
		message(raftpb.MsgHeartbeat, nil), message(raftpb.MsgVote, nil), message(raftpb.MsgAppResp, nil), message(raftpb.MsgTimeoutNow, nil),
		message(raftpb.MsgReadIndex, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{{Data: []byte("context")}} }),
	} {
		b, err := proto.Marshal(m)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &raftpb.Message{}
		if proto.Unmarshal(b, m) != nil || validate(1, m) != nil {
			return
		}
		l, err := log.Open("log", log.Options{FS: vfs.NewMem()})
		require.NoError(t, err)
		n, err := NewNode(Config{
			ID: 1, TickInterval: testTick, ElectionTicks: testElection, Log: l, StateMachine: &machine{},
			ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}}, Send: func([]*raftpb.Message) {}, Ticks: make(chan time.Time),
		})
		require.NoError(t, err)
		require.NoError(t, n.Step(context.Background(), m))
		err = func() (err error) {
			defer n.recoverInvariant(&err)
			n.stepInbox()
			n.handleReady()
			return nil
		}()
		if err != nil {
			require.ErrorIs(t, err, ErrInvariant)
		}
		require.NoError(t, l.Close())
	})
}

// What is applied after a start is read from the disk a part at a time; no tick is needed for the next.
func TestReplayNeedsNoTicks(t *testing.T) {
	l, err := log.Open("log", log.Options{FS: vfs.NewMem(), TailBytesMax: 1})
	require.NoError(t, err)
	const n = 5000
	for i := uint64(1); i <= n; i++ {
		require.NoError(t, l.Append(&raftpb.HardState{Term: new(uint64(1)), Vote: new(uint64(1)), Commit: new(i)},
			[]*raftpb.Entry{{Index: new(i), Term: new(uint64(1)), Type: raftpb.EntryNormal.Enum(), Data: make([]byte, 100)}}, false))
	}
	sm := &machine{cs: &raftpb.ConfState{Voters: []uint64{1}}}
	node, err := NewNode(Config{
		ID: 1, TickInterval: time.Hour, ElectionTicks: 10, Log: l, StateMachine: sm, ConfState: sm.cs, Send: func([]*raftpb.Message) {},
	})
	require.NoError(t, err)
	sm.setNode(node)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- node.Run(ctx) }()
	require.Eventually(t, func() bool {
		index, _ := sm.position()
		return index >= n
	}, testPatience, testPollEvery)
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, l.Close())
}

// A panic of the library in another goroutine's pass ends the node without waiting for a tick.
func TestPanicInAnothersPassEndsTheNode(t *testing.T) {
	c := newCluster(t, 1, func(c *Config) { c.TickInterval = time.Hour })
	m := c.leader()
	m.propose("x")
	c.applied("x", 1)
	st := m.node.Status()
	require.NoError(t, m.node.Step(context.Background(), &raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(st.Term + 1), Commit: new(st.Commit + 100),
	}))
	require.ErrorIs(t, m.ended(), ErrInvariant)
}
