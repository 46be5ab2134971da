package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/goleak"
)

const (
	patience  = 20 * time.Second
	pollEvery = 2 * time.Millisecond
)

// fakeRaft records what reaches it.
type fakeRaft struct {
	mu          sync.Mutex
	got         []*raftpb.Message
	unreachable map[uint64]int
	snapshots   []bool
	removed     map[uint64]bool
}

func (r *fakeRaft) Step(_ context.Context, m *raftpb.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
	return nil
}

func (r *fakeRaft) ReportUnreachable(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unreachable[id]++
}

func (r *fakeRaft) ReportSnapshot(_ uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshots = append(r.snapshots, ok)
}

func (r *fakeRaft) IsIDRemoved(id uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removed[id]
}

func (r *fakeRaft) remove(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed[id] = true
}

func (r *fakeRaft) messages(typ raftpb.MessageType) (found []*raftpb.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.got {
		if m.GetType() == typ {
			found = append(found, m)
		}
	}
	return found
}

func (r *fakeRaft) reports() []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]bool(nil), r.snapshots...)
}

// fakeSnapshots has one state to give and keeps what it is given.
type fakeSnapshots struct {
	state   string
	openErr error

	mu       sync.Mutex
	received string
}

func (s *fakeSnapshots) Open() (*raftpb.SnapshotMetadata, io.ReadCloser, error) {
	meta := &raftpb.SnapshotMetadata{Index: new(uint64(77)), Term: new(uint64(3)), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2}}}
	return meta, io.NopCloser(strings.NewReader(s.state)), s.openErr
}

func (s *fakeSnapshots) Receive(_ context.Context, _ *raftpb.Message, r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = string(b)
	return []byte("staged"), err
}

// site is a transport behind a server.
type site struct {
	*Transport
	raft   *fakeRaft
	snaps  *fakeSnapshots
	server *httptest.Server
}

func newSite(t *testing.T, id uint64, change ...func(*Config)) *site {
	t.Helper()
	s := &site{raft: &fakeRaft{unreachable: map[uint64]int{}, removed: map[uint64]bool{}}, snaps: &fakeSnapshots{}}
	cfg := Config{ID: id, ClusterID: 0xc1, Version: "3.7.3", MinClusterVersion: "3.0.0", Raft: s.raft, Snapshots: s.snaps}
	for _, f := range change {
		f(&cfg)
	}
	s.Transport = New(cfg)
	s.server = httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		s.server.Close()
	})
	return s
}

// join makes two sites each other's peers.
func join(a, b *site) {
	a.AddPeer(b.cfg.ID, []string{b.server.URL})
	b.AddPeer(a.cfg.ID, []string{a.server.URL})
}

// connected waits until a's streams to b are served.
func connected(t *testing.T, a, b *site) {
	t.Helper()
	require.Eventually(t, func() bool {
		p := a.peer(b.cfg.ID)
		return p.messages.attached() && p.appends.attached()
	}, patience, pollEvery)
}

func heartbeatMessage(from, to, commit uint64) *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), From: new(from), To: new(to), Term: new(uint64(1)), Commit: new(commit)}
}

func TestMessagesArriveInOrderOverBothStreams(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("pair", func(t *testing.T) {
		a, b := newSite(t, 1), newSite(t, 2)
		join(a, b)
		connected(t, a, b)
		const n = 500
		for i := range uint64(n) {
			a.Send([]*raftpb.Message{heartbeatMessage(1, 2, i), appendMessage(1, 2, 1, i, i)})
		}
		for _, typ := range []raftpb.MessageType{raftpb.MsgHeartbeat, raftpb.MsgApp} {
			require.Eventually(t, func() bool { return len(b.raft.messages(typ)) == n }, patience, pollEvery)
			for i, m := range b.raft.messages(typ) {
				require.EqualValues(t, i, m.GetCommit())
			}
		}
		require.False(t, a.ActiveSince(2).IsZero())
		require.True(t, a.ActiveSince(3).IsZero())
	})
}

// appendMessage is a MsgApp of one entry after index.
func appendMessage(from, to, term, index, commit uint64) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), From: new(from), To: new(to), Term: new(term), LogTerm: new(term), Index: new(index), Commit: new(commit),
		Entries: []*raftpb.Entry{{Index: new(index + 1), Term: new(term), Data: []byte("data")}},
	}
}

func TestMessagesArePostedWithoutAStream(t *testing.T) {
	a, b := newSite(t, 1), newSite(t, 2)
	a.AddPeer(2, []string{b.server.URL}) // b doesn't know a, so it opens no streams
	a.Send([]*raftpb.Message{heartbeatMessage(1, 2, 9)})
	require.Eventually(t, func() bool { return len(b.raft.messages(raftpb.MsgHeartbeat)) == 1 }, patience, pollEvery)
}

func TestUnknownSenderIsAnsweredByItsHeaders(t *testing.T) {
	b := newSite(t, 2)
	var urls atomic.Pointer[string]
	a := newSite(t, 1, func(c *Config) { c.PeerURLs = func() []string { return []string{*urls.Load()} } })
	urls.Store(&a.server.URL)
	a.AddPeer(2, []string{b.server.URL})
	require.Eventually(t, func() bool { return b.peer(1) != nil }, patience, pollEvery)
	b.Send([]*raftpb.Message{heartbeatMessage(2, 1, 4)})
	require.Eventually(t, func() bool { return len(a.raft.messages(raftpb.MsgHeartbeat)) == 1 }, patience, pollEvery)
}

func TestSnapshotIsStagedThenSteppedThenReported(t *testing.T) {
	a, b := newSite(t, 1), newSite(t, 2)
	a.snaps.state = strings.Repeat("state", 1<<20)
	join(a, b)
	a.Send([]*raftpb.Message{snapshotMessage(1, 2)})
	require.Eventually(t, func() bool { return len(a.raft.reports()) == 1 }, patience, pollEvery)
	require.Equal(t, []bool{true}, a.raft.reports())
	got := b.raft.messages(raftpb.MsgSnap)
	require.Len(t, got, 1)
	require.Equal(t, "staged", string(got[0].GetSnapshot().GetData()))
	require.EqualValues(t, 77, got[0].GetSnapshot().GetMetadata().GetIndex())
	require.Equal(t, a.snaps.state, b.snaps.received)
}

func snapshotMessage(from, to uint64) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: new(from), To: new(to), Term: new(uint64(3)),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(uint64(50)), Term: new(uint64(3))}},
	}
}

func TestFailedSnapshotsAreReported(t *testing.T) {
	cases := map[string]func(a, b *site){
		"the state can't be opened": func(a, b *site) { a.snaps.openErr = errors.New("no state") },
		"nobody is there":           func(a, b *site) { b.server.Close() },
		"the link is cut":           func(a, b *site) { a.cfg.Filter = func(_, _ uint64) bool { return false } },
		"the peer isn't known":      func(a, b *site) { a.RemovePeer(2) },
		"the receiver refuses":      func(a, b *site) { b.raft.remove(1) },
	}
	for name, breakIt := range cases {
		t.Run(name, func(t *testing.T) {
			a, b := newSite(t, 1), newSite(t, 2)
			a.AddPeer(2, []string{b.server.URL})
			breakIt(a, b)
			a.Send([]*raftpb.Message{snapshotMessage(1, 2)})
			require.Eventually(t, func() bool { return len(a.raft.reports()) == 1 }, patience, pollEvery)
			require.Equal(t, []bool{false}, a.raft.reports())
			require.Empty(t, b.raft.messages(raftpb.MsgSnap))
		})
	}
}

func TestFilterCutsALinkInBothPlaces(t *testing.T) {
	var cut atomic.Bool
	filter := func(c *Config) { c.Filter = func(_, _ uint64) bool { return !cut.Load() } }
	a, b := newSite(t, 1), newSite(t, 2, filter)
	join(a, b)
	connected(t, a, b)
	cut.Store(true)
	a.Send([]*raftpb.Message{heartbeatMessage(1, 2, 1)})
	b.Send([]*raftpb.Message{heartbeatMessage(2, 1, 1)})
	require.Eventually(t, func() bool { return len(a.peer(2).messages.queue) == 0 }, patience, pollEvery)
	cut.Store(false)
	// Messages of one stream stay in order, so what comes now proves that the one before didn't.
	require.Eventually(t, func() bool {
		a.Send([]*raftpb.Message{heartbeatMessage(1, 2, 2)})
		b.Send([]*raftpb.Message{heartbeatMessage(2, 1, 2)})
		return len(a.raft.messages(raftpb.MsgHeartbeat)) > 0 && len(b.raft.messages(raftpb.MsgHeartbeat)) > 0
	}, patience, pollEvery)
	require.EqualValues(t, 2, a.raft.messages(raftpb.MsgHeartbeat)[0].GetCommit())
}

func TestStreamsComeBackAfterTheServerDoes(t *testing.T) {
	a, b := newSite(t, 1), newSite(t, 2)
	join(a, b)
	connected(t, a, b)
	a.server.CloseClientConnections()
	require.Eventually(t, func() bool {
		a.Send([]*raftpb.Message{heartbeatMessage(1, 2, 5)})
		p := a.peer(2)
		return len(b.raft.messages(raftpb.MsgHeartbeat)) > 0 && p.messages.attached() && p.appends.attached()
	}, patience, pollEvery)
}

func TestSendNeverBlocks(t *testing.T) {
	a := newSite(t, 1)
	a.AddPeer(2, []string{"http://127.0.0.1:1"})
	for i := range uint64(10 * pipelineQueueMax) {
		a.Send([]*raftpb.Message{heartbeatMessage(1, 2, i)})
	}
	a.raft.mu.Lock()
	defer a.raft.mu.Unlock()
	require.Positive(t, a.raft.unreachable[2])
}

func TestStrangersAreRefused(t *testing.T) {
	b := newSite(t, 2)
	b.AddPeer(1, []string{"http://127.0.0.1:1"})
	b.raft.remove(9)
	good := map[string]string{
		"X-Server-From": "1", "X-Server-Version": "3.7.3", "X-Min-Cluster-Version": "3.0.0", "X-Etcd-Cluster-ID": "c1", "X-Raft-To": "2",
	}
	cases := []struct {
		name, method, path string
		header             map[string]string
		body               []byte
		status             int
		text               string
	}{
		{"another cluster", "GET", "/raft/stream/message/1", map[string]string{"X-Etcd-Cluster-ID": "c2"}, nil, 412, "cluster ID mismatch"},
		{"another cluster posts", "POST", "/raft", map[string]string{"X-Etcd-Cluster-ID": "c2"}, nil, 412, "cluster ID mismatch"},
		{"another cluster's state", "POST", "/raft/snapshot", map[string]string{"X-Etcd-Cluster-ID": "c2"}, nil, 412, "cluster ID mismatch"},
		{"too old", "GET", "/raft/stream/message/1", map[string]string{"X-Server-Version": "2.3.0"}, nil, 412, "incompatible version"},
		{"no version", "GET", "/raft/stream/message/1", map[string]string{"X-Server-Version": "x"}, nil, 412, "incompatible version"},
		{"too new", "GET", "/raft/stream/message/1", map[string]string{"X-Min-Cluster-Version": "4.0.0"}, nil, 412, "incompatible version"},
		{"removed", "GET", "/raft/stream/msgapp/9", nil, nil, 410, "removed member"},
		{"unknown", "GET", "/raft/stream/msgapp/7", nil, nil, 404, "error sender not found"},
		{"not an id", "GET", "/raft/stream/msgapp/xyz", nil, nil, 404, "invalid from"},
		{"no such stream", "GET", "/raft/stream/other/1", nil, nil, 404, "invalid path"},
		{"meant for another", "GET", "/raft/stream/message/1", map[string]string{"X-Raft-To": "3"}, nil, 412, "to field mismatch"},
		{"wrong method", "PUT", "/raft", nil, nil, 405, "Method Not Allowed"},
		{"garbage", "POST", "/raft", nil, []byte{0xff, 0xff}, 400, "error reading raft message"},
		{"message of a removed member", "POST", "/raft", nil, marshal(t, heartbeatMessage(9, 2, 1)), 403, "removed member"},
		{"message for another", "POST", "/raft", nil, marshal(t, heartbeatMessage(1, 3, 1)), 403, "mismatch member"},
		{"state without a message", "POST", "/raft/snapshot", nil, []byte("x"), 400, "failed to decode"},
		{"state with a huge message", "POST", "/raft/snapshot", nil, bytes.Repeat([]byte{0x7f}, 8), 400, "too large"},
		{"not a state", "POST", "/raft/snapshot", nil, sized(t, heartbeatMessage(1, 2, 1)), 400, "wrong raft message type"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest(c.method, b.server.URL+c.path, bytes.NewReader(c.body))
			require.NoError(t, err)
			for k, v := range good {
				req.Header.Set(k, v)
			}
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			require.Equal(t, c.status, resp.StatusCode, string(text))
			require.Contains(t, string(text), c.text)
		})
	}
	require.Empty(t, b.raft.got)
	http.DefaultClient.CloseIdleConnections()
}

func TestRemovedMemberIsTold(t *testing.T) {
	told := make(chan struct{}, 100)
	a := newSite(t, 1, func(c *Config) {
		c.Removed = func() {
			select {
			case told <- struct{}{}:
			default:
			}
		}
	})
	b := newSite(t, 2)
	b.raft.remove(1)
	a.AddPeer(2, []string{b.server.URL})
	select {
	case <-told:
	case <-time.After(patience):
		require.Fail(t, "not told")
	}
}
