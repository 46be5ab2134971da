package v2http

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/petcd/petcd/server/v2auth"
	"github.com/petcd/petcd/storage/v2store"
)

// authBodyMax is how large a request that changes a user or a role may be.
const authBodyMax = 1 << 20

// serveAuth finds the page of a path below /v2/auth. All but the look at the switch are root's.
func (h *Handler) serveAuth(w http.ResponseWriter, r *http.Request) {
	page := r.URL.Path[len(authPath):]
	switch {
	case page == "/enable":
		h.serveSwitch(w, r)
	case within(page, "/users"):
		h.serveNamed(w, r, h.serveUsers, h.serveUser)
	case within(page, "/roles"):
		h.serveNamed(w, r, h.serveRoles, h.serveRole)
	default:
		http.NotFound(w, r)
	}
}

// serveNamed tells a list from the one that a path names.
func (h *Handler) serveNamed(w http.ResponseWriter, r *http.Request, list func(http.ResponseWriter, *http.Request),
	one func(http.ResponseWriter, *http.Request, string),
) {
	_, name, named := strings.Cut(path.Clean(r.URL.Path[len(authPath)+1:]), "/")
	switch {
	case !named:
		list(w, r)
	case strings.Contains(name, "/"):
		writeMessage(w, http.StatusBadRequest, "Invalid path")
	default:
		one(w, r, name)
	}
}

// serveSwitch turns authentication on and off; everybody may ask whether it is on.
func (h *Handler) serveSwitch(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET", "PUT", "DELETE") {
		return
	}
	if !reads(r) && !h.auth.AllowsRoot(r) {
		writeNoAuth(w)
		return
	}
	h.startAuthAnswer(w)
	var err error
	switch r.Method {
	case http.MethodGet:
		h.encode(w, struct {
			Enabled bool `json:"enabled"`
		}{h.users.Enabled()})
	case http.MethodPut:
		err = h.users.Enable(r.Context())
	case http.MethodDelete:
		err = h.users.Disable(r.Context())
	}
	if err != nil {
		h.refuseAuth(w, err)
	}
}

// admitRoot begins the answer to a request that only root may make, with one of these methods.
func (h *Handler) admitRoot(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if !allow(w, r, methods...) {
		return false
	}
	if !h.auth.AllowsRoot(r) {
		writeNoAuth(w)
		return false
	}
	h.startAuthAnswer(w)
	return true
}

// startAuthAnswer sets the headers that answers about users and roles have, empty ones, too.
func (h *Handler) startAuthAnswer(w http.ResponseWriter) {
	h.nameCluster(w)
	w.Header().Set("Content-Type", "application/json")
}

// readDocument reads the first JSON value of a body; what follows it is ignored.
func readDocument(w http.ResponseWriter, r *http.Request, into any) bool {
	if json.NewDecoder(io.LimitReader(r.Body, authBodyMax)).Decode(into) != nil {
		writeMessage(w, http.StatusBadRequest, "Invalid JSON in request body.")
		return false
	}
	return true
}

// refuseAuth answers for what was not done.
func (h *Handler) refuseAuth(w http.ResponseWriter, err error) {
	var refused *v2auth.Refusal
	var tree *v2store.Error
	switch {
	case errors.As(err, &refused):
		writeMessage(w, refused.Status, refused.Message)
	case errors.As(err, &tree):
		keyErrorOf(err).write(w)
	default:
		h.logger.Warn("v2 response error", "internal-server-error", err)
		writeMessage(w, http.StatusInternalServerError, "Internal Server Error")
	}
}
