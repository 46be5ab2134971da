package servertest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// errCut is why a connection over a cut link fails.
var errCut = errors.New("servertest: the link is cut")

// Network is what members reach each other through. A link is between two members, by their position in the cluster.
type Network struct {
	mu    sync.Mutex
	hosts map[string]int // listen address to member
	ids   map[uint64]int // member id to member
	cut   map[[2]int]bool
	deaf  map[int]bool // members that no Raft message reaches
	conns map[*conn]bool
}

func newNetwork() *Network {
	return &Network{hosts: map[string]int{}, ids: map[uint64]int{}, cut: map[[2]int]bool{}, deaf: map[int]bool{}, conns: map[*conn]bool{}}
}

// link names the link between two members.
func link(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// Cut cuts the link between two members, and what is open over it.
func (n *Network) Cut(a, b int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[link(a, b)] = true
	for c := range n.conns {
		if c.link == link(a, b) {
			_ = c.Conn.Close()
		}
	}
}

// Isolate cuts all links of a member.
func (n *Network) Isolate(a int) {
	n.mu.Lock()
	var others []int
	for _, b := range n.hosts {
		if b != a {
			others = append(others, b)
		}
	}
	n.mu.Unlock()
	for _, b := range others {
		n.Cut(a, b)
	}
}

// Deafen lets no Raft message reach a member. What it sends still arrives.
func (n *Network) Deafen(a int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deaf[a] = true
}

// Heal restores all links, and hearing.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	clear(n.deaf)
}

// dialer is how one member reaches the others.
func (n *Network) dialer(from int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		n.mu.Lock()
		to, known := n.hosts[addr]
		cut := known && n.cut[link(from, to)]
		n.mu.Unlock()
		if cut {
			return nil, errCut
		}
		raw, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: raw, n: n, link: link(from, to)}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.conns[c] = true
		return c, nil
	}
}

// filter drops messages that were on their way when the link was cut, and those to the deaf.
func (n *Network) filter(from, to uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, known := n.ids[from]
	b, alsoKnown := n.ids[to]
	return !known || !alsoKnown || !n.cut[link(a, b)] && !n.deaf[b]
}

// conn is a connection that knows its link.
type conn struct {
	net.Conn
	n    *Network
	link [2]int
}

// Close forgets the connection, too.
func (c *conn) Close() error {
	c.n.mu.Lock()
	delete(c.n.conns, c)
	c.n.mu.Unlock()
	return c.Conn.Close()
}
