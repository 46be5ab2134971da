package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft"
	"github.com/petcd/petcd/raft/log"
)

// words is a state machine that is a list of words, which is also its snapshot.
type words struct {
	mu    sync.Mutex
	index uint64
	term  uint64
	list  []string
	taken int
}

func (s *words) Apply(entries []*raftpb.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		s.index, s.term = e.GetIndex(), e.GetTerm()
		if len(e.GetData()) > 0 {
			s.list = append(s.list, string(e.GetData()))
		}
	}
	return nil
}

func (s *words) SnapshotMetadata() (*raftpb.SnapshotMetadata, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.metadata(), nil
}

func (s *words) metadata() *raftpb.SnapshotMetadata {
	return &raftpb.SnapshotMetadata{Index: new(s.index), Term: new(s.term), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}}}
}

func (s *words) InstallSnapshot(snap *raftpb.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.term = snap.GetMetadata().GetIndex(), snap.GetMetadata().GetTerm()
	s.list = strings.Fields(string(snap.GetData()))
	s.taken++
	return nil
}

func (s *words) Open() (*raftpb.SnapshotMetadata, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.metadata(), io.NopCloser(strings.NewReader(strings.Join(s.list, " "))), nil
}

func (s *words) Receive(_ context.Context, _ *raftpb.Message, r io.Reader) ([]byte, error) {
	return io.ReadAll(r)
}

func (s *words) has(word string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.list {
		if w == word {
			return true
		}
	}
	return false
}

// port is the transport's way to a node.
type port struct{ *raft.Node }

func (port) IsIDRemoved(uint64) bool { return false }

// links tells which members are cut off.
type links struct {
	mu  sync.Mutex
	cut map[uint64]bool
}

func (l *links) set(id uint64, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut[id] = cut
}

func (l *links) pass(from, to uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.cut[from] && !l.cut[to]
}

// TestMembersOverHTTP runs three members on real connections: they agree, survive a partition, and bring a member back
// that needs a snapshot.
func TestMembersOverHTTP(t *testing.T) {
	const n = 3
	net := &links{cut: map[uint64]bool{}}
	nodes, states, logs := map[uint64]*raft.Node{}, map[uint64]*words{}, map[uint64]log.Log{}
	transports := map[uint64]*Transport{}
	urls := map[uint64][]string{}
	var runs []func()
	for id := uint64(1); id <= n; id++ {
		l, err := log.Open("log", log.Options{FS: vfs.NewMem()})
		require.NoError(t, err)
		states[id], logs[id] = &words{}, l
		nodes[id], err = raft.NewNode(raft.Config{
			ID: id, TickInterval: 10 * time.Millisecond, ElectionTicks: 10, PreVote: true, Log: l, StateMachine: states[id],
			ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}},
			Send:      func(ms []*raftpb.Message) { transports[id].Send(ms) },
		})
		require.NoError(t, err)
		transports[id] = New(Config{
			ID: id, ClusterID: 7, Version: "3.7.3", MinClusterVersion: "3.0.0", Raft: port{nodes[id]}, Snapshots: states[id], Filter: net.pass,
		})
		server := httptest.NewServer(transports[id].Handler())
		urls[id] = []string{server.URL}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		t.Cleanup(func() {
			cancel()
			transports[id].Close()
			server.Close()
			require.NoError(t, errors.Join(<-done, l.Close()))
		})
		runs = append(runs, func() { done <- nodes[id].Run(ctx) })
	}
	for _, run := range runs {
		go run()
	}
	for id, tr := range transports {
		for other, u := range urls {
			if other != id {
				tr.AddPeer(other, u)
			}
		}
	}
	leader := func(not uint64) (lead uint64) {
		require.Eventually(t, func() bool {
			for id, node := range nodes {
				if id != not && node.Status().State == etcdraft.StateLeader {
					lead = id
					return true
				}
			}
			return false
		}, patience, pollEvery)
		return lead
	}
	// A proposal may be lost with a leader, so it is made until it is there.
	agree := func(word string, through uint64, ids ...uint64) {
		t.Helper()
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			t.Cleanup(cancel) // what is queued is dropped once it ends
			if !states[through].has(word) {
				_ = nodes[through].Propose(ctx, []byte(word))
			}
			for _, id := range ids {
				if !states[id].has(word) {
					return false
				}
			}
			return true
		}, patience, 20*time.Millisecond, word)
	}
	leader(0)
	for id := uint64(1); id <= n; id++ {
		agree(fmt.Sprint("from", id), id, 1, 2, 3)
	}

	old := leader(0)
	net.set(old, true)
	next := leader(old)
	third := 6 - old - next
	for i := range 20 {
		agree(fmt.Sprint("without", i), next, next, third)
	}
	for _, id := range []uint64{next, third} {
		index, err := logs[id].LastIndex()
		require.NoError(t, err)
		require.Eventually(t, func() bool { return nodes[id].Status().Applied >= index }, patience, pollEvery)
		require.NoError(t, logs[id].Compact(index))
	}
	net.set(old, false)
	agree("again", next, 1, 2, 3)
	states[old].mu.Lock()
	defer states[old].mu.Unlock()
	require.Positive(t, states[old].taken, "its log had a hole only a snapshot fills")
	require.Contains(t, states[old].list, "without7")
}
