package simulation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/replica"
)

// network carries messages between members: late, in any order, twice, or not at all.
type network struct {
	w       *world
	cut     map[link]bool
	loss    float64
	twice   float64
	slowest time.Duration
}

// link is the way from one member to another.
type link struct{ from, to int }

func newNetwork(w *world) *network {
	n := &network{w: w}
	n.heal()
	return n
}

// heal makes the network as good as it was at the beginning.
func (n *network) heal() {
	n.cut = map[link]bool{}
	n.loss, n.twice, n.slowest = n.w.plan.Shape.Loss, n.w.plan.Shape.Twice, 2*time.Millisecond
}

// delay draws how long a message takes.
func (n *network) delay() time.Duration {
	d := n.w.between(50*time.Microsecond, n.slowest)
	if n.w.rng.IntN(100) == 0 {
		d *= 20
	}
	return d
}

// port is one run of a member's end of the network.
type port struct {
	n     *network
	m     *member
	life  int
	cfg   transport.Config
	peers map[uint64]bool
	heard map[uint64]heard
}

// heard is when a member was heard first and last.
type heard struct{ first, last time.Time }

var _ replica.Network = (*port)(nil)

// Send implements replica.Network.
func (p *port) Send(ms []*raftpb.Message) {
	if !p.m.lives(p.life) {
		return
	}
	for _, m := range ms {
		to := p.n.w.memberOf(m.GetTo())
		switch {
		case to == nil || !p.peers[m.GetTo()]:
			p.lost(m)
		case m.GetType() == raftpb.MsgSnap:
			p.n.w.after(p.n.delay(), func() { p.sendState(m, to) })
		default:
			p.send(m, to)
		}
	}
}

// send puts a message on its way.
func (p *port) send(m *raftpb.Message, to *member) {
	n := p.n
	n.w.stats.Messages++
	if n.cut[link{p.m.index, to.index}] || n.w.rng.Float64() < n.loss {
		n.w.stats.Lost++
		p.lost(m)
		return
	}
	b, err := proto.Marshal(m)
	if err != nil {
		n.w.checks.fail("encode a message: %w", err)
		return
	}
	n.w.after(n.delay(), func() { n.deliver(p.m, to, b) })
	// A stream brings a proposal once: the one who repeats it is a client. What raft itself sends may come twice, as answers of
	// an earlier connection do.
	if (m.GetType() != raftpb.MsgProp || n.w.hooks.ProposalsTwice) && n.w.rng.Float64() < n.twice {
		n.w.stats.Twice++
		n.w.after(n.delay()+n.w.between(0, time.Second), func() { n.deliver(p.m, to, b) })
	}
}

// lost tells the sender now and then: a connection that broke is noticed, a message that vanished is not.
func (p *port) lost(m *raftpb.Message) {
	if m.GetType() == raftpb.MsgSnap {
		p.report(m.GetTo(), false)
		return
	}
	if p.n.w.rng.IntN(5) > 0 {
		return
	}
	p.n.w.after(p.n.delay(), func() {
		if p.m.lives(p.life) {
			p.cfg.Raft.ReportUnreachable(m.GetTo())
		}
	})
}

// deliver hands a message to whoever runs there now.
func (n *network) deliver(from, to *member, b []byte) {
	port := to.port
	if port == nil || !to.lives(port.life) || n.cut[link{from.index, to.index}] {
		n.w.stats.Lost++
		return
	}
	if at := to.pausedUntil; at > n.w.now() {
		n.w.at(at, func() { n.deliver(from, to, b) })
		return
	}
	m := &raftpb.Message{}
	if err := proto.Unmarshal(b, m); err != nil {
		n.w.checks.fail("decode a message: %w", err)
		return
	}
	if port.cfg.Raft.IsIDRemoved(m.GetFrom()) {
		n.tellRemoved(from, m.GetFrom())
		return
	}
	port.hear(m.GetFrom())
	// Who is not known yet can be answered, as his messages say where he is (transport.addRemote).
	port.peers[m.GetFrom()] = true
	_ = port.cfg.Raft.Step(context.Background(), m) // refused: as if it were lost
}

// tellRemoved answers a member that is none any more, as the transport does.
func (n *network) tellRemoved(m *member, id uint64) {
	life := m.life
	n.w.after(n.delay(), func() {
		if m.lives(life) && m.id == id {
			m.port.cfg.Removed()
		}
	})
}

// hear notes that a member is connected.
func (p *port) hear(id uint64) {
	now := time.Now()
	h := p.heard[id]
	if h.first.IsZero() || now.Sub(h.last) > 5*time.Second {
		h.first = now
	}
	h.last = now
	p.heard[id] = h
}

// sendState sends the state with a snapshot's message, as the transport does: what it says of its index is the state's.
func (p *port) sendState(m *raftpb.Message, to *member) {
	if !p.m.lives(p.life) {
		return
	}
	out := &raftpb.Message{Type: m.GetType().Enum(), To: new(m.GetTo()), From: new(m.GetFrom()), Term: new(m.GetTerm())}
	state, err := p.readState(out)
	if !p.m.lives(p.life) {
		return
	}
	if err != nil || p.n.cut[link{p.m.index, to.index}] {
		p.report(m.GetTo(), false)
		return
	}
	p.n.w.stats.Snapshots++
	p.n.w.after(10*p.n.delay(), func() {
		err := p.n.deliverState(p.m, to, out, state)
		p.n.w.after(p.n.delay(), func() { p.report(m.GetTo(), err == nil) })
	})
}

func (p *port) readState(out *raftpb.Message) ([]byte, error) {
	meta, r, err := p.cfg.Snapshots.Open()
	if err != nil {
		return nil, err
	}
	out.Snapshot = &raftpb.Snapshot{Metadata: meta}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

// errLost is why a state did not arrive.
var errLost = errors.New("lost")

func (n *network) deliverState(from, to *member, m *raftpb.Message, state []byte) error {
	port := to.port
	if port == nil || !to.lives(port.life) || n.cut[link{from.index, to.index}] || n.w.rng.Float64() < n.loss {
		return errLost
	}
	m = proto.CloneOf(m)
	name, err := port.cfg.Snapshots.Receive(context.Background(), m, bytes.NewReader(state))
	if err != nil {
		return err
	}
	m.Snapshot.Data = name
	return port.cfg.Raft.Step(context.Background(), m)
}

func (p *port) report(to uint64, ok bool) {
	if p.m.lives(p.life) {
		p.cfg.Raft.ReportSnapshot(to, ok)
	}
}

// AddPeer implements replica.Network.
func (p *port) AddPeer(id uint64, _ []string) { p.peers[id] = true }

// UpdatePeer implements replica.Network.
func (p *port) UpdatePeer(uint64, []string) {}

// RemovePeer implements replica.Network.
func (p *port) RemovePeer(id uint64) { delete(p.peers, id) }

// ActiveSince implements replica.Network.
func (p *port) ActiveSince(id uint64) time.Time {
	if h := p.heard[id]; time.Since(h.last) < 5*time.Second {
		return h.first
	}
	return time.Time{}
}

// Handler implements replica.Network: messages do not come by HTTP here.
func (p *port) Handler() http.Handler { return http.NotFoundHandler() }

// Stats implements replica.Network.
func (p *port) Stats() transport.Stats { return transport.Stats{} }

// Close implements replica.Network.
func (p *port) Close() {}
