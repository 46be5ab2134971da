package replica

import (
	"context"
	"errors"
	"time"

	"github.com/petcd/petcd/server/membership"
)

// follow makes the connections what a change of members says.
func (r *Replica) follow(e membership.Effect) {
	r.noteMove()
	m := e.Member
	local := m.ID == r.cluster.LocalID()
	switch e.Kind {
	case membership.Added:
		if !local {
			r.transport.AddPeer(m.ID, m.PeerURLs)
		}
		r.logMember("added member", m)
	case membership.Promoted:
		r.logMember("promote member", m)
	case membership.Updated:
		if !local {
			r.transport.UpdatePeer(m.ID, m.PeerURLs)
		}
		r.logMember("updated member", m)
	case membership.Removed:
		r.logMember("removed member", m)
		if local {
			// Durable, so that this member knows it at its next start: nobody would tell it any more.
			r.leave(errors.Join(ErrRemoved, r.store.Flush()))
			return
		}
		r.transport.RemovePeer(m.ID)
	}
}

// removedStay is how long a member that applied its own removal goes on, as etcd's does: long enough for several heartbeats, and for
// the answer to whoever asked for the removal. If the others can't do without it by then, it stays until removedStayMax: should it
// stop before a quorum of them has the removal on disk, they could ask it for its vote for ever.
const (
	removedStay    = time.Second
	removedStayMax = 30 * time.Second
)

// leave ends this member, which was removed, with err once the others can do without it.
func (r *Replica) leave(err error) {
	r.spawn(func(ctx context.Context) {
		if sleep(ctx, removedStay); ctx.Err() != nil {
			return
		}
		tctx, cancel := context.WithTimeout(ctx, removedStayMax-removedStay)
		defer cancel()
		if !r.restKnows(tctx, r.cluster.LocalID()) {
			r.logger.Warn("leaves before the members that are left know of the removal")
		}
		if ctx.Err() == nil {
			r.fail(err)
		}
	})
}

func (r *Replica) logMember(message string, m *membership.Member) {
	r.logger.Info(message, "cluster_id", hexID(r.cluster.ID()), "local_member_id", hexID(r.cluster.LocalID()),
		"member_id", hexID(m.ID), "peer_urls", m.PeerURLs, "is_learner", m.IsLearner)
}

// connect makes the connections those of the members there are now: after opening, and, given the members there were,
// after a snapshot. Connections that stay are left alone.
func (r *Replica) connect(before []*membership.Member) {
	r.noteMove()
	for _, m := range before {
		if m.ID != r.cluster.LocalID() && r.cluster.Member(m.ID) == nil {
			r.transport.RemovePeer(m.ID)
		}
	}
	for _, m := range r.cluster.Members() {
		if m.ID != r.cluster.LocalID() {
			r.transport.AddPeer(m.ID, m.PeerURLs) // of one that is there already, the URLs
		}
	}
}
