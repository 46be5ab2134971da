package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// check is one named condition of /livez or /readyz.
type check struct {
	name string
	run  func(context.Context) error
	own  bool // etcd has none of the name: it is listed only when it fails
}

// noAlarm is a check that a kind of alarm is not raised.
func (h *health) noAlarm(kind pb.AlarmType) func(context.Context) error {
	return func(context.Context) error {
		for _, a := range h.Member.Alarms() {
			if a.GetAlarm() == kind {
				return fmt.Errorf("alarm activated: %s", kind)
			}
		}
		return nil
	}
}

// voter is a check that this member is not a learner.
func (h *health) voter(context.Context) error {
	if h.Member.IsLearner() {
		return errors.New("not supported for learner")
	}
	return nil
}

// disk is a check that the disk under the state takes writes.
func (h *health) disk(context.Context) error { return h.Member.DiskHealth() }

// installChecks adds /kind for all checks and /kind/name for each.
func (h *health) installChecks(mux *http.ServeMux, kind string, checks []check) {
	root := "/" + kind
	mux.HandleFunc(root, getOnly(func(w http.ResponseWriter, r *http.Request) {
		excluded := querySet(r, "exclude")
		h.serveChecks(w, r, kind, slices.DeleteFunc(slices.Clone(checks), func(c check) bool {
			found := excluded[c.name]
			delete(excluded, c.name)
			return found
		}))
		if len(excluded) > 0 {
			h.Logger.Warn("some health checks cannot be excluded", "missing-health-checks", quoted(excluded))
		}
	}))
	for _, c := range checks {
		mux.HandleFunc(root+"/"+c.name, getOnly(func(w http.ResponseWriter, r *http.Request) {
			h.serveChecks(w, r, kind, []check{c})
		}))
	}
}

// serveChecks runs checks and answers "ok", or the list when one failed or
// the caller wants it.
func (h *health) serveChecks(w http.ResponseWriter, r *http.Request, kind string, checks []check) {
	var list strings.Builder
	failed := false
	for _, c := range checks {
		if err := c.run(r.Context()); err != nil {
			failed = true
			fmt.Fprintf(&list, "[-]%s failed: %v\n", c.name, err)
			h.result.WithLabelValues(kind, c.name).Set(0)
			h.total.WithLabelValues(kind, c.name, "error").Inc()
			continue
		}
		if !c.own {
			fmt.Fprintf(&list, "[+]%s ok\n", c.name)
		}
		h.result.WithLabelValues(kind, c.name).Set(1)
		h.total.WithLabelValues(kind, c.name, "success").Inc()
	}
	if failed {
		h.Logger.Error("Health check error", "path", r.URL.Path, "reason", list.String(), "status-code", http.StatusServiceUnavailable)
		http.Error(w, list.String(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !r.URL.Query().Has("verbose") {
		list.Reset()
	}
	_, _ = io.WriteString(w, list.String()+"ok\n") // a client that left gets no answer
}

// querySet is the non-empty values of a repeated query parameter.
func querySet(r *http.Request, name string) map[string]bool {
	set := map[string]bool{}
	for _, v := range r.URL.Query()[name] {
		if v != "" {
			set[v] = true
		}
	}
	return set
}

// quoted lists a set's members for a log line, sorted.
func quoted(set map[string]bool) string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, fmt.Sprintf("%q", name))
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}
