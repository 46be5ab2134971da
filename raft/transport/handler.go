package transport

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

const (
	raftPath     = "/raft"
	streamPrefix = "/raft/stream/"
	snapshotPath = "/raft/snapshot"
	probingPath  = "/raft/probing"

	// removedText is in every answer to a removed member.
	removedText = "removed member"
)

// Handler serves the peers' requests at and below /raft.
func (t *Transport) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(probingPath, serveProbing)
	mux.HandleFunc(raftPath, t.checked(http.MethodPost, t.servePost))
	mux.HandleFunc(snapshotPath, t.checked(http.MethodPost, t.serveSnapshot))
	mux.HandleFunc(streamPrefix, t.checked(http.MethodGet, t.serveStream))
	return mux
}

// checked refuses requests by the wrong method, of another cluster, of an incompatible version or of a removed member.
func (t *Transport) checked(method string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("X-Server-Version", t.cfg.Version)
		w.Header().Set("X-Etcd-Cluster-ID", hexID(t.cfg.ClusterID))
		if err := t.checkHeader(r.Header); err != nil {
			t.lg.Warn("refused a peer's request", "remote_peer_id", r.Header.Get("X-Server-From"), "path", r.URL.Path, "error", err)
			http.Error(w, err.Error(), http.StatusPreconditionFailed)
			return
		}
		if from, err := parseID(r.Header.Get("X-Server-From")); err == nil {
			if urls := r.Header.Get("X-PeerURLs"); urls != "" {
				t.addRemote(from, strings.Split(urls, ","))
			}
		}
		serve(w, r)
	}
}

func (t *Transport) checkHeader(h http.Header) error {
	if !compatible(t.cfg.Version, t.cfg.MinClusterVersion, h.Get("X-Server-Version"), h.Get("X-Min-Cluster-Version")) {
		return ErrIncompatible
	}
	if h.Get("X-Etcd-Cluster-ID") != hexID(t.cfg.ClusterID) {
		return ErrClusterID
	}
	return nil
}

func parseID(s string) (uint64, error) { return strconv.ParseUint(s, 16, 64) }

// mayStep answers for a posted message that must not reach raft.
func (t *Transport) mayStep(w http.ResponseWriter, m *raftpb.Message) bool {
	switch {
	case t.cfg.Raft.IsIDRemoved(m.GetFrom()):
		http.Error(w, "cannot process message from "+removedText, http.StatusForbidden)
	case m.GetTo() != t.cfg.ID:
		http.Error(w, "cannot process message to mismatch member", http.StatusForbidden)
	case !t.cfg.passes(m.GetFrom(), t.cfg.ID):
		http.Error(w, "link is cut", http.StatusServiceUnavailable)
	default:
		return true
	}
	return false
}

// servePost takes one message.
func (t *Transport) servePost(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, pipelineBytesMax))
	m := &raftpb.Message{}
	if err == nil {
		err = proto.Unmarshal(b, m)
	}
	if err != nil {
		http.Error(w, "error reading raft message", http.StatusBadRequest)
		return
	}
	if !t.mayStep(w, m) {
		return
	}
	t.metrics.receivedBytes.WithLabelValues(hexID(m.GetFrom())).Add(float64(len(b)))
	if m.GetType() == raftpb.MsgSnap {
		// A state can't come this way, and raft must not wait for one.
		http.Error(w, "wrong raft message type", http.StatusBadRequest)
		return
	}
	t.took(m, len(b))
	if err := t.cfg.Raft.Step(r.Context(), m); err != nil {
		http.Error(w, "error processing raft message", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveStream lets a peer read what we have for it.
func (t *Transport) serveStream(w http.ResponseWriter, r *http.Request) {
	name, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, streamPrefix), "/")
	kind := streamKind(name)
	if kind != streamMessage && kind != streamMsgApp {
		http.Error(w, "invalid path", http.StatusNotFound)
		return
	}
	from, err := parseID(id)
	if err != nil {
		http.Error(w, "invalid from", http.StatusNotFound)
		return
	}
	if t.cfg.Raft.IsIDRemoved(from) {
		http.Error(w, removedText, http.StatusGone)
		return
	}
	p := t.peer(from)
	if p == nil || p.remote {
		http.Error(w, "error sender not found", http.StatusNotFound)
		return
	}
	if r.Header.Get("X-Raft-To") != hexID(t.cfg.ID) {
		http.Error(w, "to field mismatch", http.StatusPreconditionFailed)
		return
	}
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); errors.Is(err, http.ErrNotSupported) {
		return
	}
	writer := p.messages
	if kind == streamMsgApp {
		writer = p.appends
	}
	writer.serve(r.Context(), w, kind.newEncoder)
}
