package v2http

import (
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/v2auth"
)

// The paths that are served; everything else below /v2 is unknown.
const (
	keysPath     = "/v2/keys"
	machinesPath = "/v2/machines"
	membersPath  = "/v2/members"
	statsPath    = "/v2/stats/"
	authPath     = "/v2/auth"
)

// Options are what a Handler is made of. Member, Auth, Users and Logger are required.
type Options struct {
	Member Member
	// Auth decides who may do what.
	Auth Guard
	// Users are those that /v2/auth shows and changes.
	Users  *v2auth.Store
	Logger *slog.Logger
	// Registerer is where the counters of requests go; nil means nowhere.
	Registerer prometheus.Registerer
	// MaxRequestBytes is the largest request that the log takes.
	MaxRequestBytes int
}

// Handler serves everything below /v2.
type Handler struct {
	member  Member
	auth    Guard
	users   *v2auth.Store
	logger  *slog.Logger
	metrics *metrics
	bodyMax int64
	started time.Time
	// writeMax is writeMax but in tests.
	writeMax time.Duration
}

// New makes a handler and registers its counters.
func New(o Options) (*Handler, error) {
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("v2http: register metrics: %w", err)
	}
	return &Handler{
		member: o.Member, auth: o.Auth, users: o.Users, logger: o.Logger, metrics: m,
		bodyMax: int64(o.MaxRequestBytes) * formPerByte, started: time.Now(),
		writeMax: writeMax,
	}, nil
}

// ServeHTTP finds the part of the API that a path belongs to.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if clean := cleaned(r.URL.Path); clean != r.URL.Path {
		to := *r.URL
		to.Path, to.RawPath = clean, ""
		http.Redirect(w, r, to.RequestURI(), http.StatusMovedPermanently)
		return
	}
	switch p := r.URL.Path; {
	case within(p, keysPath):
		h.serveKeys(w, r)
	case within(p, membersPath):
		h.serveMembers(w, r)
	case p == machinesPath:
		h.serveMachines(w, r)
	case strings.HasPrefix(p, statsPath):
		h.serveStats(w, r, p[len(statsPath):])
	case within(p, authPath):
		h.serveAuth(w, r)
	default:
		http.NotFound(w, r)
	}
}

// within tells whether a path is root or lies below it.
func within(p, root string) bool {
	rest, found := strings.CutPrefix(p, root)
	return found && (rest == "" || rest[0] == '/')
}

// cleaned is a path without empty and dotted segments; a slash at its end stays.
func cleaned(p string) string {
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// allow refuses any other method than those named.
func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ","))
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	return false
}

// nameCluster says in an answer's header which cluster it is of.
func (h *Handler) nameCluster(w http.ResponseWriter) {
	w.Header().Set("X-Etcd-Cluster-Id", membership.IDString(h.member.Status().ClusterID))
}
