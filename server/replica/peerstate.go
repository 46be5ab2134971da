package replica

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// statePath gives a member whose state is damaged this one's.
const statePath = "/members/state"

// serveState sends this member's state, as it is now, to one at a time.
func (r *Replica) serveState(w http.ResponseWriter, req *http.Request) {
	if !r.allow(w, req, http.MethodGet) || !r.isPeer(w, req) {
		return
	}
	if !r.sending.TryLock() {
		http.Error(w, "another member is being sent the state", http.StatusServiceUnavailable)
		return
	}
	defer r.sending.Unlock()
	snap, err := r.store.Snapshot()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.logger.Info("sending the state to a member that lost its own", "remote_peer_id", req.Header.Get("X-Server-From"),
		"snapshot_index", snap.Index, "bytes", snap.Size())
	w.Header().Set("Content-Length", strconv.FormatInt(snap.Size(), 10))
	conn := http.NewResponseController(w)
	_, err = snap.WriteTo(&patientWriter{w, conn})
	_ = conn.SetWriteDeadline(time.Time{}) // the connection may serve other requests
	if err != nil {
		r.logger.Warn("could not send the state", "error", err)
	}
	if err := snap.Close(); err != nil {
		r.logger.Warn("could not remove a snapshot", "error", err)
	}
}

// isPeer refuses requests that come from no member of this cluster.
func (r *Replica) isPeer(w http.ResponseWriter, req *http.Request) bool {
	from, err := types.IDFromString(req.Header.Get("X-Server-From"))
	switch {
	case req.Header.Get("X-Etcd-Cluster-ID") != hexID(r.cluster.ID()):
		http.Error(w, "cluster ID mismatch", http.StatusPreconditionFailed)
	case err == nil && r.cluster.IsRemoved(uint64(from)):
		http.Error(w, "removed member", http.StatusGone)
	case err != nil || r.cluster.Member(uint64(from)) == nil:
		http.Error(w, "not a member", http.StatusForbidden)
	default:
		return true
	}
	return false
}

// patientWriter writes an answer that may take any time, as long as some of it is taken.
type patientWriter struct {
	io.Writer
	conn *http.ResponseController
}

// Write puts the end off.
func (w *patientWriter) Write(p []byte) (int, error) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(silenceMax)) // one that can't set it is left to TCP
	return w.Writer.Write(p)
}
