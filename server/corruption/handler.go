package corruption

import (
	"encoding/json"
	"io"
	"net/http"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/membership"
)

// The parts of the peer protocol that both sides name.
const (
	clusterHeader    = "X-Etcd-Cluster-ID"
	otherClusterText = "cluster ID mismatch"
)

// PeerHandlers answer peers' questions for hashes, keyed by path, as etcd does. It needs no user: members ask each other
// on the peer port, before and beside authentication.
func (c *Checker) PeerHandlers() map[string]http.Handler {
	return map[string]http.Handler{hashKVPath: http.HandlerFunc(c.serve)}
}

func (c *Checker) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	cluster := membership.IDString(c.cfg.Replica.Cluster().ID())
	if theirs := r.Header.Get(clusterHeader); theirs != "" && theirs != cluster {
		http.Error(w, otherClusterText, http.StatusPreconditionFailed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if err != nil {
		http.Error(w, "error reading body", http.StatusBadRequest)
		return
	}
	req := &pb.HashKVRequest{}
	if err := json.Unmarshal(body, req); err != nil {
		c.cfg.Logger.Warn("failed to unmarshal request", "error", err)
		http.Error(w, "error unmarshalling request", http.StatusBadRequest)
		return
	}
	// One at a time: each reads every key.
	select {
	case c.serving <- struct{}{}:
		defer func() { <-c.serving }()
	case <-r.Context().Done():
		return
	}
	d, err := c.local(r.Context(), req.GetRevision())
	if err != nil {
		c.cfg.Logger.Warn("failed to get hashKV", "requested-revision", req.GetRevision(), "error", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, err := json.Marshal(&pb.HashKVResponse{
		Header: &pb.ResponseHeader{Revision: d.current}, Hash: d.hash, CompactRevision: d.compact, HashRevision: d.revision,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set(clusterHeader, cluster)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out) // a peer that left gets no answer
}
