package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/grpcproxy"
	"github.com/petcd/petcd/server/listener"
	"github.com/petcd/petcd/server/tlsconfig"
)

const (
	// proxyDialTimeout bounds the proxy's connection attempts.
	proxyDialTimeout = 5 * time.Second
	// proxyHeaderTimeout is how long an HTTP client may take to send a header.
	proxyHeaderTimeout = 10 * time.Second
	// defaultSendBytes is the largest request that clients may send.
	defaultSendBytes = 1.5 * 1024 * 1024
)

// grpcProxyFlags are those of `etcd grpc-proxy start`.
type grpcProxyFlags struct {
	listenAddr, metricsAddr string
	endpoints               []string
	autoSync                time.Duration
	discovery               discoveryFlags
	dataDir                 string

	dialKeepAliveTime, dialKeepAliveTimeout time.Duration
	permitWithoutStream                     bool
	maxSendBytes, maxRecvBytes              int
	cert, key, cacert                       string // towards the cluster
	insecureSkipVerify                      bool

	tls            config.TLS // towards clients
	certValidity   uint
	cipherSuites   []string
	tlsMin, tlsMax string

	debug bool // read before the flags are parsed, by hasFlag

	proxy grpcproxy.Options
}

// grpcProxyCommand is `etcd grpc-proxy`.
func grpcProxyCommand(ctx context.Context, logger *slog.Logger) *cobra.Command {
	g := &grpcProxyFlags{}
	start := &cobra.Command{
		Use: "start", Short: "start the grpc proxy", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			c.SilenceUsage = true // what fails from here on is no matter of usage
			return g.run(ctx, logger)
		},
	}
	g.register(start)
	return group("grpc-proxy", "grpc-proxy related command", start)
}

func (g *grpcProxyFlags) register(cmd *cobra.Command) {
	f, o := cmd.Flags(), &g.proxy
	f.StringVar(&g.listenAddr, "listen-addr", proxyListenAddr, "listen address")
	f.StringVar(&g.metricsAddr, "metrics-addr", "", "URL to serve metrics and health on, beside the listen address")
	f.StringSliceVar(&g.endpoints, "endpoints", []string{"127.0.0.1:2379"}, "comma separated etcd cluster endpoints")
	f.DurationVar(&g.autoSync, "endpoints-auto-sync-interval", 0, "etcd endpoints auto sync interval (disabled by default)")
	g.discovery.register(cmd, "domain name to query for SRV records describing cluster endpoints")
	f.StringVar(&g.dataDir, "data-dir", "default.proxy", "folder of the certificate that --auto-tls makes")
	f.DurationVar(&g.dialKeepAliveTime, "dial-keepalive-time", 0, "keepalive time for client(grpc-proxy) connections (default 0, disable).")
	f.DurationVar(&g.dialKeepAliveTimeout, "dial-keepalive-timeout", 20*time.Second, "keepalive timeout for client(grpc-proxy) connections")
	f.BoolVar(&g.permitWithoutStream, "permit-without-stream", false, "send keepalive pings to the cluster even with no active RPCs")
	f.IntVar(&g.maxSendBytes, "max-send-bytes", defaultSendBytes, "message send limits in bytes")
	f.IntVar(&g.maxRecvBytes, "max-recv-bytes", math.MaxInt32, "message receive limits in bytes")
	f.StringVar(&g.cert, "cert", "", "certificate shown to etcd servers; without a common name, which would be a user's")
	f.StringVar(&g.key, "key", "", "key of --cert")
	f.StringVar(&g.cacert, "cacert", "", "CA bundle that etcd servers are verified with")
	f.BoolVar(&g.insecureSkipVerify, "insecure-skip-tls-verify", false, "skip authentication of etcd server TLS certificates; for tests only")

	f.StringVar(&g.tls.CertFile, "cert-file", "", "certificate shown to clients of the proxy")
	f.StringVar(&g.tls.KeyFile, "key-file", "", "key of --cert-file")
	f.StringVar(&g.tls.TrustedCAFile, "trusted-ca-file", "", "CA bundle that clients of the proxy are verified with")
	f.StringVar(&g.tls.CRLFile, "client-crl-file", "", "revocation list for clients of the proxy")
	f.BoolVar(&g.tls.Auto, "auto-tls", false, "proxy TLS using generated certificates")
	f.UintVar(&g.certValidity, "self-signed-cert-validity", 1, "years for which the certificate of --auto-tls is good")
	f.StringSliceVar(&g.cipherSuites, "listen-cipher-suites", nil, "TLS cipher suites between client and proxy (empty: Go's)")
	f.StringVar(&g.tlsMin, "tls-min-version", "TLS1.2", "minimum TLS version between client and proxy: TLS1.2, TLS1.3")
	f.StringVar(&g.tlsMax, "tls-max-version", "", "maximum TLS version between client and proxy: TLS1.2, TLS1.3 (empty: Go's)")

	f.StringVar(&o.AdvertiseURL, "advertise-client-url", proxyListenAddr, "advertise address to register (must be reachable by client)")
	f.StringVar(&o.ResolverPrefix, "resolver-prefix", "", "prefix to use for registering proxy (must be shared with other grpc-proxy members)")
	f.IntVar(&o.ResolverTTL, "resolver-ttl", 0, "specify TTL, in seconds, when registering proxy endpoints")
	f.StringVar(&o.Namespace, "namespace", "", "string to prefix to all keys for namespacing requests")
	f.BoolVar(&o.EnablePprof, "enable-pprof", false, "serve runtime profiles under /debug/pprof/")
	f.DurationVar(&o.KeepAliveMinTime, "grpc-keepalive-min-time", 5*time.Second, "Minimum interval duration that a client should wait before pinging proxy.")
	f.DurationVar(&o.KeepAliveInterval, "grpc-keepalive-interval", 2*time.Hour, "Frequency duration of server-to-client ping to check if a connection is alive (0 to disable).")
	f.DurationVar(&o.KeepAliveTimeout, "grpc-keepalive-timeout", 20*time.Second, "Additional duration of wait before closing a non-responsive connection (0 to disable).")
	f.Uint32Var(&o.MaxConcurrentStreams, "max-concurrent-streams", math.MaxUint32, "Maximum concurrent streams that each client can open at a time.")
	f.BoolVar(&o.Ordering, "experimental-serializable-ordering", false, "Ensure serializable reads have monotonically increasing store revisions across endpoints.")
	f.StringVar(&o.LeasingPrefix, "experimental-leasing-prefix", "", "leasing metadata prefix for disconnected linearized reads; what one client may read every client then may.")
	f.BoolVar(&o.LogCalls, "experimental-enable-grpc-logging", false, "log all calls: method, time and error")
	f.BoolVar(&g.debug, "debug", false, "Enable debug-level logging for grpc-proxy.")
}

// check refuses flags that contradict each other.
func (g *grpcProxyFlags) check() error {
	o := &g.proxy
	switch {
	case o.ResolverPrefix != "" && o.ResolverTTL < 1:
		return fmt.Errorf("invalid resolver-ttl %d", o.ResolverTTL)
	case o.ResolverPrefix == "" && o.ResolverTTL > 0:
		return fmt.Errorf("invalid resolver-prefix %q", o.ResolverPrefix)
	case o.ResolverPrefix != "" && o.AdvertiseURL == "":
		return fmt.Errorf("invalid advertise-client-url %q", o.AdvertiseURL)
	case g.maxSendBytes <= 0 || g.maxRecvBytes <= 0:
		return errors.New("--max-send-bytes and --max-recv-bytes must be >0")
	}
	return nil
}

// run serves clients until ctx ends.
func (g *grpcProxyFlags) run(ctx context.Context, logger *slog.Logger) error {
	if err := g.check(); err != nil {
		return err
	}
	source, err := g.clientSide(logger)
	if err != nil {
		return err
	}
	ports, err := g.open(ctx, source)
	if err != nil {
		return err
	}
	defer ports.close()
	client, err := g.client(logger)
	if err != nil {
		return err
	}
	o := g.proxy
	o.Client, o.Logger, o.MaxSendBytes = client, logger, g.maxSendBytes
	proxy, err := grpcproxy.New(ctx, o)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	errs := make(chan error, 4)
	ports.serve(proxy, errs)
	logger.Info("started gRPC proxy", "address", ports.addr.String())
	notifyInit(logger)
	select {
	case <-ctx.Done():
		err = nil
	case err = <-errs:
	}
	return errors.Join(err, proxy.Close())
}

// clientSide is the TLS towards clients.
func (g *grpcProxyFlags) clientSide(logger *slog.Logger) (*tlsconfig.Source, error) {
	o := tlsconfig.Options{Files: g.tls, CipherSuites: g.cipherSuites, MinVersion: g.tlsMin, MaxVersion: g.tlsMax, Logger: logger}
	if g.tls.Auto && g.tls.CertFile == "" {
		files, err := tlsconfig.SelfSigned(filepath.Join(g.dataDir, "fixtures", "proxy"), []string{g.listenAddr}, g.certValidity, logger)
		if err != nil {
			return nil, err
		}
		o.Files, o.SelfSigned = files, true
	}
	return tlsconfig.New(o)
}

// client reaches the cluster.
func (g *grpcProxyFlags) client(logger *slog.Logger) (*clientv3.Client, error) {
	found, err := discover(g.discovery, logger)
	if err != nil {
		return nil, err
	}
	endpoints := g.endpoints
	if len(found) > 0 {
		endpoints = nil
		for _, e := range found {
			scheme := "http"
			if e.Secure {
				scheme = "https"
			}
			endpoints = append(endpoints, scheme+"://"+e.String())
		}
	}
	secure, err := g.clusterSide(logger)
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{
		Endpoints: endpoints, AutoSyncInterval: g.autoSync, DialTimeout: proxyDialTimeout,
		MaxCallSendMsgSize: g.maxSendBytes, MaxCallRecvMsgSize: g.maxRecvBytes,
		DialKeepAliveTime: g.dialKeepAliveTime, DialKeepAliveTimeout: g.dialKeepAliveTimeout,
		PermitWithoutStream: g.permitWithoutStream, TLS: secure, Logger: zap.NewNop(),
	})
}

// clusterSide is the TLS towards the cluster; nil for none. A certificate with
// a common name would make every client that user.
func (g *grpcProxyFlags) clusterSide(logger *slog.Logger) (*tls.Config, error) {
	if g.cert == "" && g.key == "" && g.cacert == "" && !g.insecureSkipVerify {
		return nil, nil
	}
	info := transport.TLSInfo{TrustedCAFile: g.cacert, CertFile: g.cert, KeyFile: g.key, EmptyCN: g.cert != ""}
	c, err := info.ClientConfig()
	if err != nil {
		return nil, err
	}
	if g.insecureSkipVerify {
		logger.Warn("--insecure-skip-tls-verify was given, this grpc proxy process skips authentication of etcd server TLS certificates. This option should be enabled only for testing purposes.")
		c.InsecureSkipVerify = true
	}
	return c, nil
}

// proxyPorts are the proxy's sockets.
type proxyPorts struct {
	clients *listener.Splitter
	addr    net.Addr
	metrics net.Listener // nil when there is none of its own
}

// open opens the sockets.
func (g *grpcProxyFlags) open(ctx context.Context, source *tlsconfig.Source) (*proxyPorts, error) {
	rules := listener.Rules{}
	if !source.Empty() {
		var err error
		if rules.TLS, err = source.Listen("h2", "http/1.1"); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", g.listenAddr)
	if err != nil {
		return nil, err
	}
	p := &proxyPorts{clients: listener.Split(l, rules), addr: l.Addr()}
	if g.metricsAddr == "" {
		return p, nil
	}
	u, err := url.Parse(g.metricsAddr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot parse %q: %w", g.metricsAddr, err), p.clients.Close())
	}
	if p.metrics, _, err = listener.Listen(ctx, *u, listener.Options{}); err != nil {
		return nil, errors.Join(err, p.clients.Close())
	}
	if listener.IsSecure(*u) {
		if rules.TLS == nil {
			p.close()
			return nil, errors.New("--metrics-addr is secure, and there is no --cert-file")
		}
		p.metrics = listener.Secure(p.metrics, rules)
	}
	return p, nil
}

// serve serves the proxy on the sockets. The first failure goes to errs.
func (p *proxyPorts) serve(proxy *grpcproxy.Proxy, errs chan<- error) {
	run := func(serve func() error) {
		go func() { errs <- serve() }()
	}
	pages := func(l net.Listener) func() error {
		s := &http.Server{Handler: proxy.Handler(), ReadHeaderTimeout: proxyHeaderTimeout}
		return func() error { return s.Serve(l) }
	}
	run(p.clients.Serve)
	run(func() error { return proxy.GRPC().Serve(p.clients.GRPC()) })
	run(pages(p.clients.HTTP()))
	if p.metrics != nil {
		run(pages(p.metrics))
	}
}

// close closes the sockets.
func (p *proxyPorts) close() {
	_ = p.clients.Close() // nothing is lost with a socket
	if p.metrics != nil {
		_ = p.metrics.Close()
	}
}
