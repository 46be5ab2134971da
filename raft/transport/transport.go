package transport

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// Transport is a member's connections to its peers.
type Transport struct {
	cfg     Config
	lg      *slog.Logger
	metrics *metrics
	streams http.RoundTripper // connections whose silence is an error
	posts   http.RoundTripper

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	receiving chan struct{} // held while a snapshot comes in: one at a time

	sent, received appendCounter

	mu     sync.RWMutex
	closed bool
	peers  map[uint64]*peer
}

// New makes a transport without peers.
func New(c Config) *Transport {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.PeerURLs == nil {
		c.PeerURLs = func() []string { return nil }
	}
	t := &Transport{
		cfg:       c,
		lg:        c.Logger.With("local_member_id", hexID(c.ID)),
		metrics:   newMetrics(c.Registerer),
		streams:   newRoundTripper(&c, ioTimeout, ioTimeout),
		posts:     newRoundTripper(&c, 0, snapshotTimeout),
		receiving: make(chan struct{}, 1),
		peers:     map[uint64]*peer{},
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Send queues messages; it never blocks. What a peer's queue has no room for is dropped and reported as unreachable.
func (t *Transport) Send(ms []*raftpb.Message) {
	for _, m := range ms {
		if m.GetTo() == 0 {
			continue
		}
		p := t.peer(m.GetTo())
		switch {
		case p != nil && t.cfg.passes(t.cfg.ID, m.GetTo()):
			p.send(m)
		case m.GetType() == raftpb.MsgSnap:
			t.cfg.Raft.ReportSnapshot(m.GetTo(), false)
		}
	}
}

// took counts a message that came.
func (t *Transport) took(m *raftpb.Message, bytes int) {
	if m.GetType() == raftpb.MsgApp {
		t.received.add(time.Now(), 1, bytes)
	}
}

func (t *Transport) peer(id uint64) *peer {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.peers[id]
}

// AddPeer connects to a member. For a known one it updates the URLs.
func (t *Transport) AddPeer(id uint64, urls []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.peers[id]
	switch {
	case t.closed, id == t.cfg.ID:
	case old != nil && !old.remote:
		old.urls.update(urls)
	default:
		if old != nil {
			old.close()
		}
		t.peers[id] = newPeer(t, id, urls, false)
		t.metrics.knownPeers.WithLabelValues(hexID(t.cfg.ID), hexID(id)).Set(1)
		t.lg.Info("added remote peer", "remote_peer_id", hexID(id), "remote_peer_urls", urls)
	}
}

// addRemote makes it possible to answer a member that knows us, but that we have not heard of yet: our log lags behind its
// addition. It is posted to, no streams are read from it. The configuration will add it as a peer, or never will.
func (t *Transport) addRemote(id uint64, urls []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || id == t.cfg.ID || t.peers[id] != nil || t.cfg.Raft.IsIDRemoved(id) {
		return
	}
	remotes := 0
	for _, p := range t.peers {
		if p.remote {
			remotes++
		}
	}
	if remotes < remotesMax {
		t.peers[id] = newPeer(t, id, urls, true)
	}
}

// UpdatePeer replaces a member's URLs.
func (t *Transport) UpdatePeer(id uint64, urls []string) {
	if p := t.peer(id); p != nil {
		p.urls.update(urls)
	}
}

// RemovePeer ends the connections to a member. It doesn't wait for them.
func (t *Transport) RemovePeer(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[id]; p != nil {
		p.close()
		delete(t.peers, id)
		t.metrics.knownPeers.WithLabelValues(hexID(t.cfg.ID), hexID(id)).Set(0)
		t.lg.Info("removed remote peer", "remote_peer_id", hexID(id))
	}
}

// RemoveAllPeers ends all connections.
func (t *Transport) RemoveAllPeers() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, p := range t.peers {
		p.close()
		delete(t.peers, id)
	}
}

// ActiveSince tells since when a member is connected; zero when it is not.
func (t *Transport) ActiveSince(id uint64) time.Time {
	if p := t.peer(id); p != nil {
		return p.activeSince()
	}
	return time.Time{}
}

// Close ends all connections and waits for their goroutines. Requests being served end soon after.
func (t *Transport) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.RemoveAllPeers()
	t.wg.Wait()
	closeIdle(t.streams)
	closeIdle(t.posts)
}
