package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/kubelet/node"
)

// stuck is after how long without a look at the containers the kubelet counts as stuck.
const stuck = 3 * time.Minute

// health is how the kubelet and its runtime are.
type health struct {
	mu       sync.Mutex
	notReady string // why the runtime can't run pods; "": it can
	look     error  // what the last look at the containers said
	lookedAt time.Time
}

func newHealth() *health {
	return &health{notReady: "container runtime status check may not have completed yet", lookedAt: time.Now()}
}

// runtime notes how the runtime is, and says whether that is news.
func (h *health) runtime(notReady string) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = h.notReady != notReady
	h.notReady = notReady
	return changed
}

// looked notes how a look at the containers went.
func (h *health) looked(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.look, h.lookedAt = err, time.Now()
}

// healthy says what is wrong with the kubelet itself. A runtime that is down isn't the kubelet's fault.
func (h *health) healthy() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since := time.Since(h.lookedAt); since > stuck {
		return fmt.Errorf("containers haven't been looked at for %s", since.Round(time.Second))
	}
	return nil
}

// nodeHealth is how the node is.
func (k *kubelet) nodeHealth() node.Health {
	k.health.mu.Lock()
	h := node.Health{NotReady: k.health.notReady}
	if h.NotReady == "" && k.health.look != nil {
		h.NotReady = "PLEG is not healthy: " + k.health.look.Error()
	}
	k.health.mu.Unlock()
	h.Memory, h.Disk, h.PID = k.eviction.Conditions()
	return h
}

// serveHealth serves /healthz, from before the runtime is reached on.
func (k *kubelet) serveHealth(ctx context.Context) error {
	if *k.c.HealthzPort == 0 {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := k.health.healthy(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "ok")
	})
	return k.serveHTTP(ctx, k.c.HealthzBindAddress, *k.c.HealthzPort, mux)
}

// serveHTTP serves without TLS until ctx ends.
func (k *kubelet) serveHTTP(ctx context.Context, address string, port int32, handler http.Handler) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	k.run(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			klog.FromContext(ctx).Error(err, "Serving ended", "address", listener.Addr())
		}
	})
	k.run(func() {
		<-ctx.Done()
		server.Close()
	})
	return nil
}
