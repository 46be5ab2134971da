package raft

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// refusedChange is a change of the configuration that the library did not take.
type refusedChange struct {
	entry *raftpb.Entry
	ticks int // since it was proposed
}

// stepProposing steps a message that proposes entries. A leader's library refuses a change of the configuration as long as it does
// not know the one before to be applied, and puts an empty entry in its place. Another member may have applied that one
// already, and have told so whoever proposes the next: he would wait in vain. So the change is kept, and proposed again.
func (n *Node) stepProposing(m *raftpb.Message) error {
	if !slices.ContainsFunc(m.GetEntries(), isChange) {
		return n.raw.Step(m)
	}
	proposed := slices.Clone(m.GetEntries())
	if err := n.raw.Step(m); err != nil {
		return err
	}
	for i, e := range proposed {
		if isChange(e) && !isChange(m.GetEntries()[i]) {
			n.refused = append(n.refused, refusedChange{entry: e})
		}
	}
	return nil
}

// proposeRefused proposes changes again that were refused. It is done at ticks, as each refusal costs an entry, and for four election
// timeouts: whoever proposed one waits for longer than that.
func (n *Node) proposeRefused() {
	refused := n.refused
	n.refused = nil
	for _, c := range refused {
		if c.ticks++; c.ticks > 4*n.cfg.ElectionTicks {
			continue
		}
		m := &raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(n.cfg.ID), Entries: []*raftpb.Entry{c.entry}}
		if n.raw.Step(m) != nil || !isChange(m.GetEntries()[0]) {
			n.refused = append(n.refused, c)
		}
	}
}

// isChange tells whether an entry changes the configuration.
func isChange(e *raftpb.Entry) bool { return e.GetType() != raftpb.EntryNormal }
