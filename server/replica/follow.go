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
			r.failSoon(errors.Join(ErrRemoved, r.store.Flush()))
			return
		}
		r.transport.RemovePeer(m.ID)
	}
}

// removedStay is how long a member that applied its own removal goes on, as etcd's does. If it leads, it alone may know that
// the removal is committed: should it stop before the others heard, they would ask it for its vote for ever. It is long
// enough for several heartbeats, and for the answer to whoever asked for the removal.
const removedStay = time.Second

// failSoon is fail after removedStay.
func (r *Replica) failSoon(err error) {
	r.spawn(func(ctx context.Context) {
		stay := time.NewTimer(removedStay)
		defer stay.Stop()
		select {
		case <-stay.C:
			r.fail(err)
		case <-ctx.Done():
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
