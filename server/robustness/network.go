package robustness

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fromHeader names the sending member on every connection of etcd's peer protocol.
const fromHeader = "X-Server-From: "

// headerMax bounds how much of a connection is read to find who opened it.
const headerMax = 64 << 10

// network stands between the peer ports: each member advertises a proxy's address, and the proxy
// passes on what the links of the moment allow. A cut link loses its connections and gets no new
// ones, in both directions. One way of a link that is held keeps its connections, but nothing gets
// through, as when a router loses the packets of one direction; what was sent meanwhile comes late.
// Client ports are never touched, so a cut-off member can still be asked.
type network struct {
	mu        sync.Mutex
	changed   *sync.Cond
	err       error // of listening; New reports it
	listeners []net.Listener
	names     map[uint64]string  // by member ID
	cut       map[[2]string]bool // both orders are set
	held      map[[2]string]bool // what the first sends does not reach the second
	slow      time.Duration      // the longest delay of what is passed on
	links     map[*link]bool
	wg        sync.WaitGroup
}

// link is one proxied connection.
type link struct {
	from uint64 // 0 for a request that doesn't say
	to   string
	a, b net.Conn
}

// newNetwork has no members and no cuts.
func newNetwork() *network {
	n := &network{names: make(map[uint64]string), cut: make(map[[2]string]bool), held: make(map[[2]string]bool), links: make(map[*link]bool)}
	n.changed = sync.NewCond(&n.mu)
	return n
}

// attach opens the proxy of a member and returns the URL to advertise.
func (n *network) attach(name, listenURL string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.err = errors.Join(n.err, err)
		return listenURL
	}
	n.listeners = append(n.listeners, l)
	target := strings.TrimPrefix(listenURL, "http://")
	n.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.wg.Go(func() { n.serve(conn, name, target) })
		}
	})
	return "http://" + l.Addr().String()
}

// serve learns who opened the connection, then copies both ways until it ends or is cut.
func (n *network) serve(a net.Conn, to, target string) {
	defer a.Close()
	l := &link{to: to, a: a}
	if !n.add(l) { // so that Close reaches a connection that never says anything
		return
	}
	defer n.remove(l)
	in := bufio.NewReaderSize(a, headerMax)
	from := sender(in)
	b, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer b.Close()
	if !n.identify(l, from, b) {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.pass(l, true, a, b)
		a.Close()
	}()
	n.pass(l, false, b, in)
	b.Close()
	<-done
}

// pass copies what comes one way of a link, back for the way to who opened it, until the link ends.
func (n *network) pass(l *link, back bool, to io.Writer, from io.Reader) {
	chunk := make([]byte, 32<<10)
	for {
		size, err := from.Read(chunk)
		if size > 0 {
			if !n.await(l, back) {
				return
			}
			if _, err := to.Write(chunk[:size]); err != nil {
				return
			}
		}
		if err != nil {
			return // any end of a connection is an end
		}
	}
}

// await waits until something may be passed on; false when the network is closed.
func (n *network) await(l *link, back bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slow := n.slow; slow > 0 {
		n.mu.Unlock()
		time.Sleep(rand.N(slow))
		n.mu.Lock()
	}
	for n.links != nil && n.isHeld(l, back) {
		n.changed.Wait()
	}
	return n.links != nil
}

// sender peeks into the first request for the member ID of who sent it, 0 when it doesn't say.
func sender(in *bufio.Reader) uint64 {
	for n := 1; n < headerMax; n = in.Buffered() + 1 {
		if _, err := in.Peek(n); err != nil {
			return 0
		}
		head, _ := in.Peek(in.Buffered())
		head, _, complete := bytes.Cut(head, []byte("\r\n\r\n"))
		if !complete {
			continue
		}
		_, value, ok := strings.Cut(string(head), "\r\n"+fromHeader)
		if !ok {
			return 0
		}
		value, _, _ = strings.Cut(value, "\r\n")
		id, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return 0
		}
		return id
	}
	return 0
}

// add registers a connection; false when the network is closed.
func (n *network) add(l *link) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.links == nil {
		return false
	}
	n.links[l] = true
	return true
}

// identify completes a link; false when it is cut.
func (n *network) identify(l *link, from uint64, b net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	l.from, l.b = from, b
	return n.links != nil && !n.isCut(l)
}

func (n *network) remove(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l)
}

// isHeld judges one way of a link; n.mu is held. A request that doesn't say whose it is waits while
// any such way of the member it goes to is held.
func (n *network) isHeld(l *link, back bool) bool {
	name, known := n.names[l.from]
	for way := range n.held {
		from, to := way[0], way[1]
		if back {
			from, to = to, from
		}
		if to == l.to && (from == name || !known) {
			return true
		}
	}
	return false
}

// isCut judges a link; n.mu is held. A request that doesn't say whose it is passes only to members
// none of whose links is cut.
func (n *network) isCut(l *link) bool {
	if name, known := n.names[l.from]; known {
		return n.cut[[2]string{name, l.to}]
	}
	for pair := range n.cut {
		if pair[1] == l.to {
			return true
		}
	}
	return false
}

// setNames tells which member has which ID.
func (n *network) setNames(names map[uint64]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = names
}

// Cut separates every member of one side from every member of the other.
func (n *network) Cut(side, other []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range side {
		for _, b := range other {
			n.cut[[2]string{a, b}], n.cut[[2]string{b, a}] = true, true
		}
	}
	for l := range n.links {
		if l.b != nil && n.isCut(l) {
			l.a.Close()
			l.b.Close()
		}
	}
}

// Hold keeps what the members of one side send from every member of the other.
func (n *network) Hold(senders, receivers []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range senders {
		for _, b := range receivers {
			n.held[[2]string{a, b}] = true
		}
	}
}

// Slow delays whatever is passed on from now, each time by another time below limit.
func (n *network) Slow(limit time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow = limit
}

// Heal undoes every cut, hold and delay.
func (n *network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	clear(n.held)
	n.slow = 0
	n.changed.Broadcast()
}

// Close ends all connections and waits for the goroutines.
func (n *network) Close() {
	n.mu.Lock()
	for _, l := range n.listeners {
		l.Close()
	}
	for l := range n.links {
		l.a.Close()
		if l.b != nil {
			l.b.Close()
		}
	}
	n.links = nil
	n.changed.Broadcast()
	n.mu.Unlock()
	n.wg.Wait()
}
