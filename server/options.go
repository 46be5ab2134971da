package server

import (
	"context"
	"log/slog"
	"net"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options are what a member is given beside its configuration. The zero value is usable.
type Options struct {
	// Logger receives the member's messages; nil discards them.
	Logger *slog.Logger
	// Registry receives the member's metrics and is what /metrics shows; nil means a new
	// one, with those of the process in it.
	Registry *prometheus.Registry

	// FS is the file system, nil the real one.
	FS vfs.FS
	// Dial opens connections to peers, nil net.Dialer's way.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Filter, when set, is asked for every message between members: false drops it.
	Filter func(from, to uint64) bool
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
		o.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	return o
}
