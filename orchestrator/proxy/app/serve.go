package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // what clients measure
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/proxy/health"
)

// rebind is the pause before a port is tried again.
const rebind = 5 * time.Second

// serve says how the process is on its two ports until ctx ends. Where a port that can't be bound is fatal, failed gets to know.
func (o *Options) serve(ctx context.Context, failed chan<- error, state *health.State) {
	everywhere, loopback := "0.0.0.0", "127.0.0.1"
	if ip, err := netip.ParseAddr(o.Config.BindAddress); err == nil && ip.Is6() {
		everywhere, loopback = "::", "::1"
	}
	o.listen(ctx, failed, address(o.Config.HealthzBindAddress, everywhere, "10256"), state.Handler())
	o.listen(ctx, failed, address(o.Config.MetricsBindAddress, loopback, "10249"), o.metrics(state))
}

func address(given, host, port string) string {
	if given == "" {
		return net.JoinHostPort(host, port)
	}
	return given
}

// listen serves on an address until ctx ends.
func (o *Options) listen(ctx context.Context, failed chan<- error, address string, handler http.Handler) {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go wait.UntilWithContext(ctx, func(ctx context.Context) {
		err := server.ListenAndServe()
		if errors.Is(err, http.ErrServerClosed) {
			return
		}
		if o.Config.BindAddressHardFail {
			failed <- err
			return
		}
		klog.FromContext(ctx).Error(err, "Can't serve; trying again", "address", address)
	}, rebind)
}

// metrics answers on the second port.
func (o *Options) metrics(state *health.State) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", legacyregistry.Handler())
	mux.Handle("/healthz", state.Handler())
	mux.HandleFunc("/proxyMode", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, o.mode()) })
	if o.Config.EnableProfiling {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// mode is the one that is used.
func (o *Options) mode() string {
	if o.Config.Mode == "" {
		return modeNFTables
	}
	return string(o.Config.Mode)
}
