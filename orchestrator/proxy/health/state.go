package health

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/proxy"
)

// taintToBeDeleted is on nodes that the cluster autoscaler is about to remove.
const taintToBeDeleted = "ToBeDeletedByClusterAutoscaler"

// State is how the proxy is. It implements proxy.Reporter.
type State struct {
	clock   clock.PassiveClock
	timeout time.Duration // how long a change may wait

	mu       sync.Mutex
	synced   time.Time // the last success
	pending  time.Time // since when a change waits; zero: none does
	failed   bool      // the last sync
	leaving  bool      // the node is
	services *services
}

var _ proxy.Reporter = &State{}

// New returns the state of a proxy that has just begun. Ports of Services are served until ctx ends.
func New(ctx context.Context, c clock.PassiveClock, timeout time.Duration) *State {
	s := &State{clock: c, timeout: timeout}
	s.services = newServices(ctx, s)
	return s
}

// Pending implements proxy.Reporter.
func (s *State) Pending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending.IsZero() {
		s.pending = s.clock.Now()
	}
}

// Synced implements proxy.Reporter.
func (s *State) Synced(time.Duration) {
	s.mu.Lock()
	s.synced, s.pending, s.failed = s.clock.Now(), time.Time{}, false
	s.mu.Unlock()
	s.services.open() // those whose port was taken
}

// Failed implements proxy.Reporter.
func (s *State) Failed(time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
}

// Node implements proxy.Reporter.
func (s *State) Node(node *v1.Node) {
	leaving := node != nil && !node.DeletionTimestamp.IsZero()
	if node != nil {
		for _, taint := range node.Spec.Taints {
			leaving = leaving || taint.Key == taintToBeDeleted
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = leaving
}

// HealthChecks implements proxy.Reporter.
func (s *State) HealthChecks(all map[types.NamespacedName]proxy.HealthCheck) { s.services.set(all) }

// Healthy tells whether the rules are as they should be.
func (s *State) Healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.healthy()
}

func (s *State) healthy() bool {
	late := !s.pending.IsZero() && s.clock.Since(s.pending) >= s.timeout
	return !s.synced.IsZero() && !s.failed && !late
}

// Handler answers on /healthz and /livez.
func (s *State) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, true) })
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, false) })
	return mux
}

func (s *State) answer(w http.ResponseWriter, forNew bool) {
	s.mu.Lock()
	healthy, leaving, last, now := s.healthy(), s.leaving, s.synced, s.clock.Now()
	s.mu.Unlock()
	if healthy {
		last = now // it is as good as just written
	}
	code := http.StatusOK
	if !healthy || (forNew && leaving) {
		code = http.StatusServiceUnavailable
	}
	header(w, code)
	fmt.Fprintf(w, `{"lastUpdated": %q,"currentTime": %q, "nodeEligible": %v}`, last, now, !leaving)
}

func header(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
}
