package grpcproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/ordering"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Options are what a Proxy is given. Client is required.
type Options struct {
	// Client reaches the cluster. The Proxy takes it over and closes it.
	Client *clientv3.Client
	Logger *slog.Logger

	// Namespace is put before every key.
	Namespace string
	// Ordering lets serializable reads never go back to an older revision.
	Ordering bool
	// LeasingPrefix is where the owners of cached keys are noted; empty means
	// that nothing is cached.
	LeasingPrefix string

	// AdvertiseURL is what MemberList tells clients; empty shows the members.
	AdvertiseURL string
	// ResolverPrefix is where proxies register for each other, for ResolverTTL
	// seconds at a time.
	ResolverPrefix string
	ResolverTTL    int

	KeepAliveMinTime, KeepAliveInterval, KeepAliveTimeout time.Duration
	MaxConcurrentStreams                                  uint32
	MaxSendBytes                                          int // of a client's request

	EnablePprof bool
	// LogCalls writes a line for every call.
	LogCalls bool
}

// Proxy serves clients of a cluster.
type Proxy struct {
	o        Options
	client   *clientv3.Client
	registry *prometheus.Registry
	hub      *hub
	members  *members
	server   *grpc.Server
	cancel   context.CancelFunc
	workers  sync.WaitGroup
	release  func() // ends leasing
}

// New makes a proxy; GRPC and Handler are to be served. With Ordering it waits
// for a first answer of the cluster, or for the end of ctx.
func New(ctx context.Context, o Options) (*Proxy, error) {
	p := &Proxy{o: o, client: o.Client, registry: prometheus.NewRegistry(), release: func() {}}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m, err := newMetrics(p.registry)
	if err != nil {
		return nil, err
	}
	kv, err := p.wrappedKV(ctx)
	if err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	conn := o.Client.ActiveConnection()
	p.hub = &hub{
		ctx: run, watches: clientv3.NewWatcher(o.Client), kv: pb.NewKVClient(conn), namespace: o.Namespace,
		metrics: m, logger: o.Logger, broadcasts: map[subject][]*broadcast{},
	}
	p.server = grpc.NewServer(p.serverOptions(forwarder{conn})...)
	if kv != nil {
		pb.RegisterKVServer(p.server, kvService{kv: kv})
	}
	if o.Namespace != "" {
		(&leaseTTL{upstream: pb.NewLeaseClient(conn), namespace: o.Namespace}).register(p.server)
	}
	pb.RegisterWatchServer(p.server, &watchService{hub: p.hub})
	if o.AdvertiseURL != "" {
		p.members = &members{advertise: o.AdvertiseURL, prefix: o.ResolverPrefix, ttl: o.ResolverTTL, client: o.Client, logger: o.Logger}
		p.members.register(p.server)
		p.workers.Go(func() { p.members.run(run) })
	}
	return p, nil
}

// wrappedKV is the client library's KV with what the options ask for; nil when
// calls can be forwarded as they are.
func (p *Proxy) wrappedKV(ctx context.Context) (clientv3.KV, error) {
	kv, wrapped := clientv3.NewKV(p.client), false
	if p.o.Ordering {
		kv, wrapped = ordering.NewKV(kv, ordering.NewOrderViolationSwitchEndpointClosure(p.client)), true
		p.o.Logger.Info("waiting for linearized read from cluster to recover ordering")
		if err := firstRead(ctx, kv, p.o.Logger); err != nil {
			return nil, err
		}
	}
	if p.o.Namespace != "" {
		kv, wrapped = namespace.NewKV(kv, p.o.Namespace), true
	}
	if p.o.LeasingPrefix != "" {
		// Leasing reads, writes and watches by a client, so that has to be
		// inside the namespace as well.
		inner := clientv3.NewCtxClient(p.client.Ctx())
		inner.KV, inner.Lease, inner.Watcher = kv, clientv3.NewLease(p.client), clientv3.NewWatcher(p.client)
		if p.o.Namespace != "" {
			inner.Lease, inner.Watcher = namespace.NewLease(inner.Lease, p.o.Namespace), namespace.NewWatcher(inner.Watcher, p.o.Namespace)
		}
		leased, release, err := leasing.NewKV(inner, p.o.LeasingPrefix)
		if err != nil {
			return nil, fmt.Errorf("grpcproxy: leasing: %w", err)
		}
		kv, wrapped, p.release = leased, true, release
	}
	if !wrapped {
		return nil, nil
	}
	return kv, nil
}

// firstRead repeats a linearizable read until it succeeds.
func firstRead(ctx context.Context, kv clientv3.KV, logger *slog.Logger) error {
	for {
		_, err := kv.Get(ctx, "_", clientv3.WithKeysOnly())
		if err == nil {
			return nil
		}
		logger.Warn("ordering recovery failed, retrying in 1s", "error", err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *Proxy) serverOptions(f forwarder) []grpc.ServerOption {
	o := &p.o
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(newRawCodec()),
		grpc.UnknownServiceHandler(f.handle),
		grpc.MaxRecvMsgSize(o.MaxSendBytes + requestOverhead),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(o.MaxConcurrentStreams),
	}
	if o.KeepAliveMinTime > 0 {
		opts = append(opts, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: o.KeepAliveMinTime}))
	}
	if o.KeepAliveInterval > 0 || o.KeepAliveTimeout > 0 {
		opts = append(opts, grpc.KeepaliveParams(keepalive.ServerParameters{Time: o.KeepAliveInterval, Timeout: o.KeepAliveTimeout}))
	}
	if o.LogCalls {
		opts = append(opts, grpc.UnaryInterceptor(p.logUnary), grpc.StreamInterceptor(p.logStream))
	}
	return opts
}

// requestOverhead is what a message may be larger than the largest request, so
// that a member can say that it is too large.
const requestOverhead = 512 * 1024

// logUnary writes a line about a unary call; neither keys nor values are in it.
func (p *Proxy) logUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	start := time.Now()
	resp, err := handler(ctx, req)
	p.o.Logger.Info("finished call", "method", info.FullMethod, "took", time.Since(start), "error", err)
	return resp, err
}

// logStream writes a line about a call that the proxy forwards or that streams.
func (p *Proxy) logStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	start := time.Now()
	err := handler(srv, ss)
	p.o.Logger.Info("finished call", "method", info.FullMethod, "took", time.Since(start), "error", err)
	return err
}

// GRPC is the server to put on a listener.
func (p *Proxy) GRPC() *grpc.Server { return p.server }

// Close ends all calls and the connection to the cluster.
func (p *Proxy) Close() error {
	p.cancel()
	p.server.Stop()
	p.release()
	err := p.hub.watches.Close()
	p.hub.running.Wait()
	p.workers.Wait()
	if cerr := p.client.Close(); !errors.Is(cerr, context.Canceled) {
		err = errors.Join(err, cerr)
	}
	return err
}
