package replica

import (
	"net/http"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/transport"
)

// Network carries messages between members; *transport.Transport does, whose methods say what each is for.
type Network interface {
	Send(ms []*raftpb.Message)
	AddPeer(id uint64, urls []string)
	UpdatePeer(id uint64, urls []string)
	RemovePeer(id uint64)
	ActiveSince(id uint64) time.Time
	Handler() http.Handler
	Stats() transport.Stats
	Close()
}

// newNetwork is the network that a configuration asks for.
func newNetwork(custom func(transport.Config) Network, c transport.Config) Network {
	if custom != nil {
		return custom(c)
	}
	return transport.New(c)
}
