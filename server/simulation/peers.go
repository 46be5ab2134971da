package simulation

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/petcd/petcd/raft/transport"
)

func (m *member) newPort(c transport.Config) *port {
	return &port{n: m.w.net, m: m, life: m.life, cfg: c, peers: map[uint64]bool{}, heard: map[uint64]heard{}}
}

// dial connects the member's HTTP client with another member's peer port. What members ask each other besides raft's messages goes
// this way.
func (m *member) dial(_ context.Context, _, addr string) (net.Conn, error) {
	to := m.w.memberAt(addr)
	if m.dead || to == nil || !to.lives(to.life) || m.w.net.cut[link{m.index, to.index}] || m.w.net.cut[link{to.index, m.index}] {
		return nil, fmt.Errorf("dial %s: %w", addr, errLost)
	}
	near, far := net.Pipe()
	server := &http.Server{Handler: to.replica.PeerHandler(to.lessor.PeerHandlers())}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.Serve(&single{conn: far}) }()
	return near, nil
}

// memberAt is the member with the peer URL of an address.
func (w *world) memberAt(addr string) *member {
	for _, m := range w.members {
		if u := peerURL(m.index); u.Host == addr {
			return m
		}
	}
	return nil
}

// single is a listener that accepts one connection.
type single struct {
	once sync.Once
	conn net.Conn
}

// Accept implements net.Listener.
func (s *single) Accept() (c net.Conn, err error) {
	err = net.ErrClosed
	s.once.Do(func() { c, err = s.conn, nil })
	return c, err
}

// Close implements net.Listener.
func (s *single) Close() error { return nil }

// Addr implements net.Listener.
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }
