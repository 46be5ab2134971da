package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/membership"
)

// rejoinPath lets a member whose log is damaged join again.
const rejoinPath = "/members/rejoin"

// rejoinRequest is what such a member says of itself beside its old id, which is in the header. Again says that a
// leader was ready to take it back (errNoteFirst), and that it may have been removed for that.
type rejoinRequest struct {
	PeerURLs []string `json:"peer_urls"`
	Again    bool     `json:"again"`
}

// serveRejoin answers with the new member's identity, as its log shall have it.
func (r *Replica) serveRejoin(w http.ResponseWriter, req *http.Request) {
	if !r.allow(w, req, http.MethodPost) {
		return
	}
	if req.Header.Get("X-Etcd-Cluster-ID") != hexID(r.cluster.ID()) {
		http.Error(w, "cluster ID mismatch", http.StatusPreconditionFailed)
		return
	}
	var ask rejoinRequest
	old, err := types.IDFromString(req.Header.Get("X-Server-From"))
	if err == nil {
		err = json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<20)).Decode(&ask)
	}
	if err != nil {
		http.Error(w, "error reading request", http.StatusBadRequest)
		return
	}
	back, err := r.takeBack(req.Context(), uint64(old), ask)
	switch {
	case err == nil:
		r.writeJSON(w, back)
	case errors.Is(err, membership.ErrIDRemoved):
		http.Error(w, err.Error(), http.StatusGone)
	case errors.Is(err, errNoteFirst):
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// takeBack removes a member that lost its log, and adds one with its peer URLs as a learner. Each step may have been made by an
// earlier call whose answer was lost, so nothing is done for one that could not tell that from what an operator did.
func (r *Replica) takeBack(ctx context.Context, old uint64, ask rejoinRequest) (*identity, error) {
	if err := r.EnsureLeader(ctx); err != nil {
		return nil, err
	}
	// Before anything is changed: what must hold for the addition, too.
	if r.cfg.Member.StrictReconfigCheck && !r.connected.quorumSince(time.Now().Add(-healthInterval)) {
		return nil, ErrUnhealthy
	}
	m := r.cluster.Member(old)
	if m == nil {
		m = membership.WithPeerURLs(r.cluster.Members(), ask.PeerURLs)
	}
	voter := m == nil || !m.IsLearner // a learner of its own that lost its log comes back as one
	switch {
	case m == nil || m.ID != old:
		switch {
		case !ask.Again || !r.cluster.IsRemoved(old):
			return nil, fmt.Errorf("%w: member %s", membership.ErrIDRemoved, hexID(old))
		case m == nil:
		case m.IsLearner && !m.IsStarted():
			return r.newIdentity(m, true)
		default:
			return nil, fmt.Errorf("%w: member %s has the peer URLs of %s", membership.ErrPeerURLExists, hexID(m.ID), hexID(old))
		}
	case old == r.cluster.LocalID():
		return nil, fmt.Errorf("%w: member %s leads", membership.ErrIDExists, hexID(old))
	case !r.transport.ActiveSince(old).IsZero():
		return nil, fmt.Errorf("%w: member %s is connected", membership.ErrIDExists, hexID(old))
	case membership.WithPeerURLs([]*membership.Member{m}, ask.PeerURLs) == nil:
		return nil, fmt.Errorf("%w: those of member %s are %v, not %v", membership.ErrMismatch, hexID(old), m.PeerURLs, ask.PeerURLs)
	case voter && !r.cluster.CanAddLearner():
		return nil, membership.ErrTooManyLearners
	case !ask.Again:
		return nil, errNoteFirst
	default:
		r.logger.Warn("removing a member that lost its log; it joins again", "remote_peer_id", hexID(old), "peer_urls", m.PeerURLs)
		// A removal that was proposed twice is refused the second time.
		if _, err := r.RemoveMember(ctx, old); err != nil && !errors.Is(err, membership.ErrIDRemoved) {
			return nil, err
		}
	}
	added, _, err := r.AddMember(ctx, ask.PeerURLs, true)
	if errors.Is(err, membership.ErrIDRemoved) {
		// An id follows from the peer URLs and the second: this is the one that was removed, in the next second it is another.
		return nil, fmt.Errorf("%w: a moment ago there was a member with the same peer URLs", membership.ErrIDExists)
	}
	if err != nil {
		return nil, err
	}
	return r.newIdentity(added, voter)
}

// newIdentity is what the log of a member that joined again says of it.
func (r *Replica) newIdentity(m *membership.Member, voter bool) (*identity, error) {
	members, err := json.Marshal(r.cluster.Members())
	if err != nil {
		return nil, err
	}
	return &identity{MemberID: m.ID, ClusterID: r.cluster.ID(), Peers: members, RegainVote: voter}, nil
}
