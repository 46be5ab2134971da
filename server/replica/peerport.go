package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/version"
)

// Paths of the peer port; those of raft itself are the transport's.
const (
	membersPath          = "/members"
	promotePath          = "/members/promote/"
	downgradeEnabledPath = "/downgrade/enabled"
)

// PeerHandler serves what etcd's members ask each other, raft's streams among it. More, keyed by path, is served beside.
func (r *Replica) PeerHandler(more map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	raft := r.transport.Handler()
	mux.Handle("/raft", raft)
	mux.Handle("/raft/", raft)
	mux.HandleFunc(membersPath, r.serveMembers)
	mux.HandleFunc(promotePath, r.servePromote)
	mux.HandleFunc(statePath, r.serveState)
	mux.HandleFunc(rejoinPath, r.serveRejoin)
	mux.HandleFunc("/version", r.serveVersion)
	mux.HandleFunc(downgradeEnabledPath, r.serveDowngradeEnabled)
	for path, h := range more {
		mux.Handle(path, h)
	}
	return mux
}

// allow refuses any other method, and names the cluster in every answer.
func (r *Replica) allow(w http.ResponseWriter, req *http.Request, method string) bool {
	if req.Method == method {
		w.Header().Set("X-Etcd-Cluster-ID", hexID(r.cluster.ID()))
		return true
	}
	w.Header().Set("Allow", method)
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	return false
}

// appliedHeader of an answer is how far the member was that gave it.
const appliedHeader = "X-Petcd-Applied-Index"

// durableHeader of an answer is false while the member could forget in a crash that a voter was removed. The log may lose up to where
// it is committed, and members that are left may have quorum only with the one that is gone.
const durableHeader = "X-Petcd-Removals-Durable"

// removalsDurable tells that the state on disk has all removals of voters that this member has applied.
func (r *Replica) removalsDurable() bool { return r.store.DurableApplied() >= r.removal.Load() }

// serveMembers says who belongs to the cluster; a member that was removed from it learns that, if it says who it is.
func (r *Replica) serveMembers(w http.ResponseWriter, req *http.Request) {
	if !r.allow(w, req, http.MethodGet) {
		return
	}
	if from, err := types.IDFromString(req.Header.Get("X-Server-From")); err == nil && r.cluster.IsRemoved(uint64(from)) &&
		req.Header.Get("X-Etcd-Cluster-ID") == hexID(r.cluster.ID()) {
		http.Error(w, "removed member", http.StatusGone)
		return
	}
	w.Header().Set(appliedHeader, strconv.FormatUint(r.applied.index.Load(), 10)) // read first: the members are no older
	w.Header().Set(durableHeader, strconv.FormatBool(r.removalsDurable()))
	r.writeJSON(w, r.cluster.Members())
}

func (r *Replica) writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		r.logger.Debug("could not answer a peer", "error", err)
	}
}

func (r *Replica) servePromote(w http.ResponseWriter, req *http.Request) {
	if !r.allow(w, req, http.MethodPost) {
		return
	}
	text := req.URL.Path[len(promotePath):]
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		http.Error(w, fmt.Sprintf("member %.40s not found in cluster", text), http.StatusNotFound)
		return
	}
	// Never passed on: two members that take each other for the leader would ask each other for ever.
	members, err := r.promoteHere(req.Context(), id)
	switch {
	case err == nil:
		r.writeJSON(w, members)
	case errors.Is(err, membership.ErrIDNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, membership.ErrNotLearner):
		http.Error(w, err.Error(), http.StatusPreconditionFailed)
	case errors.Is(err, ErrLearnerNotReady):
		http.Error(w, "etcdserver: can only promote a learner member which is in sync with leader", http.StatusPreconditionFailed)
	case errors.Is(err, ErrTimeout):
		http.Error(w, err.Error(), http.StatusRequestTimeout)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// Version is what /version says of this member.
func (r *Replica) Version() (server, cluster, storage string) {
	cluster = "not_decided"
	if v := r.cluster.Version(); v != nil {
		cluster = v.String()
	}
	return version.Etcd, cluster, version.Storage
}

func (r *Replica) serveVersion(w http.ResponseWriter, req *http.Request) {
	if r.allow(w, req, http.MethodGet) {
		server, cluster, storage := r.Version()
		r.writeJSON(w, versions{server, cluster, storage})
	}
}

func (r *Replica) serveDowngradeEnabled(w http.ResponseWriter, req *http.Request) {
	if !r.allow(w, req, http.MethodGet) {
		return
	}
	if err := r.ReadBarrier(req.Context()); err != nil {
		http.Error(w, "failed to get downgrade enabled status", http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, strconv.FormatBool(r.cluster.Downgrade().Enabled))
}
