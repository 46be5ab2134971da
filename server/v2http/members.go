package v2http

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/membership"
)

// memberBodyMax is how large a request that changes members may be.
const memberBodyMax = 1 << 20

// member is a member as API 2 shows it.
type member struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
}

// shown is a member as API 2 shows it: lists are never null.
func shown(m *membership.Member) member {
	return member{ID: membership.IDString(m.ID), Name: m.Name, PeerURLs: append([]string{}, m.PeerURLs...), ClientURLs: append([]string{}, m.ClientURLs...)}
}

// serveMembers lists members and changes them.
func (h *Handler) serveMembers(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET", "POST", "DELETE", "PUT") {
		return
	}
	if !reads(r) && !h.auth.AllowsRoot(r) {
		writeNoAuth(w)
		return
	}
	h.nameCluster(w)
	rest := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, membersPath), "/")
	switch r.Method {
	case http.MethodGet:
		h.getMembers(w, rest)
	case http.MethodPost:
		h.addMember(w, r)
	case http.MethodPut:
		h.updateMember(w, r, rest)
	case http.MethodDelete:
		h.removeMember(w, r, rest)
	}
}

// getMembers shows all members, or the leader.
func (h *Handler) getMembers(w http.ResponseWriter, which string) {
	switch which {
	case "":
		list := []member{}
		for _, m := range h.member.Cluster().Members() {
			list = append(list, shown(m))
		}
		h.writeJSON(w, http.StatusOK, struct {
			Members []member `json:"members"`
		}{list})
	case "leader":
		m := h.member.Cluster().Member(h.member.Status().Leader)
		if m == nil {
			writeMessage(w, http.StatusServiceUnavailable, "During election")
			return
		}
		h.writeJSON(w, http.StatusOK, shown(m))
	default:
		writeMessage(w, http.StatusNotFound, "Not found")
	}
}

// addMember adds a voter. What follows the path's root is not looked at.
func (h *Handler) addMember(w http.ResponseWriter, r *http.Request) {
	urls, ok := peerURLs(w, r)
	if !ok {
		return
	}
	m, _, err := h.member.AddMember(r.Context(), urls, false)
	if err != nil {
		h.refuseChange(w, err, "")
		return
	}
	h.writeJSON(w, http.StatusCreated, shown(m))
}

// updateMember replaces a member's peer URLs.
func (h *Handler) updateMember(w http.ResponseWriter, r *http.Request, text string) {
	id, ok := memberID(w, text)
	if !ok {
		return
	}
	urls, ok := peerURLs(w, r)
	if !ok {
		return
	}
	if _, err := h.member.UpdateMember(r.Context(), id, urls); err != nil {
		h.refuseChange(w, err, membership.IDString(id))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// removeMember removes a member for good.
func (h *Handler) removeMember(w http.ResponseWriter, r *http.Request, text string) {
	id, ok := memberID(w, text)
	if !ok {
		return
	}
	_, err := h.member.RemoveMember(r.Context(), id)
	switch {
	case errors.Is(err, membership.ErrIDRemoved):
		writeMessage(w, http.StatusGone, "Member permanently removed: "+membership.IDString(id))
	case err != nil:
		h.refuseChange(w, err, membership.IDString(id))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// refuseChange answers for a change of members that was not made.
func (h *Handler) refuseChange(w http.ResponseWriter, err error, id string) {
	switch {
	case errors.Is(err, membership.ErrIDExists), errors.Is(err, membership.ErrPeerURLExists):
		writeMessage(w, http.StatusConflict, err.Error())
	case errors.Is(err, membership.ErrIDNotFound) && id != "":
		writeMessage(w, http.StatusNotFound, "No such member: "+id)
	default:
		h.logger.Warn("failed to change members", "member-id", id, "error", err)
		writeMessage(w, http.StatusInternalServerError, "Internal Server Error")
	}
}

// memberID reads a member's id, in hexadecimal.
func memberID(w http.ResponseWriter, text string) (uint64, bool) {
	if text == "" {
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return 0, false
	}
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		writeMessage(w, http.StatusNotFound, "No such member: "+text)
	}
	return id, err == nil
}

// peerURLs reads the body of a request that names peer URLs.
func peerURLs(w http.ResponseWriter, r *http.Request) ([]string, bool) {
	kind := r.Header.Get("Content-Type")
	if first, _, parameters := strings.Cut(kind, ";"); parameters {
		kind = strings.TrimSpace(strings.ToLower(first))
	}
	if kind != "application/json" {
		writeMessage(w, http.StatusUnsupportedMediaType, "Bad Content-Type "+kind+", accept application/json")
		return nil, false
	}
	var body struct {
		PeerURLs []string `json:"peerURLs"`
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, memberBodyMax))
	if err == nil {
		err = json.Unmarshal(data, &body)
	}
	var urls types.URLs
	if err == nil {
		urls, err = types.NewURLs(body.PeerURLs)
	}
	if err != nil {
		writeMessage(w, http.StatusBadRequest, err.Error())
		return nil, false
	}
	return urls.StringSlice(), true
}

// writeJSON answers with a line of JSON.
func (h *Handler) writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	h.encode(w, v)
}
