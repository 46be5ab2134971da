package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/stats"

	"github.com/petcd/petcd/server/api"
	"github.com/petcd/petcd/server/compactor"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/corruption"
	"github.com/petcd/petcd/server/expirer"
	"github.com/petcd/petcd/server/httpapi"
	"github.com/petcd/petcd/server/lessor"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/requestlog"
	"github.com/petcd/petcd/server/tracing"
)

const (
	// resignMax is how long a leader that closes tries to hand leadership on.
	resignMax = 500 * time.Millisecond

	// drainMax is how long calls under way may take to end at Close.
	drainMax = 250 * time.Millisecond
	// flushMax is how long the state's last flush may take at Close.
	flushMax = 10 * time.Second
)

// errWedged is returned by Close when the state cannot be closed any more.
var errWedged = errors.New("server: the state hangs for good; the process must end")

// Server is a running member.
type Server struct {
	cfg      config.Config
	logger   *slog.Logger
	replica  *replica.Replica
	lessor   *lessor.Lessor
	checker  *corruption.Checker
	peers    peerPort
	api      *api.Server
	http     *httpapi.Handlers
	gateway  jsonGateway
	ports    ports
	recorder *requestlog.Recorder // nil when requests are not recorded
	tracing  *tracing.Exporter    // nil when calls are not traced
	security *security
	// What the ports serve over plain HTTP uses the replica, so its end comes before the replica is closed.
	requests requests

	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
	errs    chan error
	wedged  atomic.Bool // the state hangs for good
	once    sync.Once
	ended   error // owned by once
}

// Start starts a member and returns when it takes part in its cluster. That it serves clients, which needs a quorum, shows
// in Ready. ctx bounds the start only.
func Start(ctx context.Context, c config.Config, o Options) (_ *Server, err error) {
	o = o.withDefaults()
	s := &Server{cfg: c, logger: o.Logger, errs: make(chan error, 1)}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			s.cancel()
			s.ports.close()
		}
	}()
	if o.FS == nil {
		warnOpenDirs(&s.cfg, s.logger)
	}
	if s.security, err = openSecurity(&s.cfg, s.logger); err != nil {
		return nil, err
	}
	if err := s.ports.open(ctx, &s.cfg, s.security); err != nil {
		return nil, err
	}
	if err := s.openReplica(ctx, o); err != nil {
		return nil, err
	}
	if err := s.makeServices(o); err != nil {
		s.closeServices()
		return nil, errors.Join(err, s.replica.Close(), s.recorder.Close())
	}
	s.servePeers()
	if s.cfg.FeatureGates["InitialCorruptCheck"] {
		if err := s.checker.Initial(ctx); err != nil {
			return nil, errors.Join(s.replica.EndedByDamage(err), s.abandon())
		}
	}
	s.run()
	return s, nil
}

// openReplica opens the data directory and joins lease clock and replica.
func (s *Server) openReplica(ctx context.Context, o Options) (err error) {
	s.lessor = lessor.New(lessor.Config{
		Extension:      s.cfg.ElectionTimeout,
		RequestTimeout: s.cfg.RequestTimeout(),
		Checkpoints:    s.cfg.FeatureGates["LeaseCheckpoint"],
		FastKeepAlive:  s.cfg.FeatureGates["FastLeaseKeepAlive"],
		Logger:         s.logger,
		Registerer:     o.Registry,
	})
	if o.Dial == nil {
		o.Dial = localDialer(&s.cfg, s.logger)
	}
	discover := s.discoverer() // may change what the member is told below
	s.replica, err = replica.Open(ctx, replica.Config{
		Member: s.cfg, Leases: s.lessor, Logger: s.logger, Registerer: o.Registry,
		Discover: discover, FS: o.FS, Dial: o.Dial, TLS: s.security.peer.Dial, Filter: o.Filter, Fatal: s.wedge,
	})
	if err != nil {
		return err
	}
	s.lessor.Bind(s.replica)
	c := corruption.Config{Replica: s.replica, Interval: s.cfg.CorruptCheckTime, Logger: s.logger}
	if s.cfg.FeatureGates["CompactHashCheck"] {
		c.CompactInterval = s.cfg.CompactHashCheckTime
	}
	s.checker = corruption.New(c)
	return nil
}

// makeServices makes what the ports will serve.
func (s *Server) makeServices(o Options) (err error) {
	s.recorder, err = requestlog.Open(requestlog.Options{File: s.cfg.RequestLog, Expensive: s.cfg.EnablePprof})
	if err != nil {
		return err
	}
	var spans stats.Handler
	if s.cfg.Tracing.Enabled {
		if s.tracing, err = tracing.Open(s.ctx, s.cfg.Tracing, s.logger); err != nil {
			return err
		}
		spans = s.tracing.Handler()
	}
	s.api, err = api.New(api.Options{
		Config: s.cfg, Replica: s.replica, Lessor: s.lessor, Logger: s.logger, Registerer: o.Registry, Recorder: s.recorder, Tracing: spans,
	})
	if err != nil {
		return err
	}
	gateway, err := s.gateway.open(s)
	if err != nil {
		return err
	}
	v2, err := s.apiV2(o.Registry)
	if err != nil {
		return err
	}
	var expensive http.Handler
	if s.cfg.EnablePprof {
		expensive = s.recorder
	}
	s.http, err = httpapi.New(httpapi.Options{
		Member: httpapi.ReplicaMember{Replica: s.replica}, Logger: s.logger,
		Gatherer: o.Registry, Registerer: o.Registry,
		RequestTimeout: s.cfg.RequestTimeout(), EnablePprof: s.cfg.EnablePprof, Expensive: expensive, FeatureGates: s.cfg.FeatureGates,
		Gateway: gateway, V2: v2, CORS: s.cfg.CORS, HostWhitelist: s.cfg.HostWhitelist,
		CertificateUser: func() bool { return s.cfg.ClientTLS.ClientCertAuth && s.replica.Auth().Enabled() },
	})
	return err
}

// servePeers serves the peer ports, for questions for this member's hash only.
func (s *Server) servePeers() {
	s.peers.set(paths(s.checker.PeerHandlers()))
	for _, l := range s.ports.peer {
		s.serveHTTP(l, &s.peers)
	}
}

// closeServices closes what makeServices has made for a member that does not get to run.
func (s *Server) closeServices() {
	drain, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	s.closeTracing(drain)
	s.gateway.close()
}

// closeTracing sends the last spans.
func (s *Server) closeTracing(drain context.Context) {
	if err := s.tracing.Close(drain); err != nil {
		s.logger.Warn("failed to end tracing", "error", err)
	}
}

// abandon ends a member that did not get to run.
func (s *Server) abandon() error {
	s.closeServices()
	s.cancel()
	s.ports.close()
	s.requests.end()
	s.workers.Wait()
	return errors.Join(s.replica.Close(), s.recorder.Close())
}

// run starts everything that runs.
func (s *Server) run() {
	s.peers.set(s.replica.PeerHandler(merged(s.lessor.PeerHandlers(), s.checker.PeerHandlers())))
	for _, l := range s.ports.metrics {
		s.serveHTTP(l, s.http.Metrics())
	}
	s.workers.Go(func() {
		if err := s.replica.Run(s.ctx); err != nil {
			s.fail(err)
		}
	})
	s.workers.Go(func() { s.lessor.Run(s.ctx) })
	s.workers.Go(func() { expirer.Run(s.ctx, s.replica, s.logger) })
	s.workers.Go(func() { s.checker.Run(s.ctx) })
	s.workers.Go(func() {
		compactor.Run(s.ctx, compactable{s.replica}, compactor.Config{
			Period: s.cfg.AutoCompactionRetention, Revisions: s.cfg.AutoCompactionRevisions, Logger: s.logger,
		})
	})
	s.workers.Go(s.serveClients)
}

// compactable is the replica as the compactor sees it.
type compactable struct{ *replica.Replica }

// Revision is the store's.
func (c compactable) Revision() int64 { return c.Store().Revision() }

// wedge is told that the state cannot go on, nor be closed.
func (s *Server) wedge(err error) {
	s.wedged.Store(true)
	s.fail(err)
}

// fail tells whoever watches Err why the member cannot go on.
func (s *Server) fail(err error) {
	select {
	case s.errs <- err:
	default:
	}
}

// Err delivers the error that ended the member by itself, if one does. Close is still to be called.
func (s *Server) Err() <-chan error { return s.errs }

// Ready is closed once the member has reached a quorum and begins to serve clients.
func (s *Server) Ready() <-chan struct{} { return s.replica.Ready() }

// ClientURLs are the client URLs it listens on, with the ports that were chosen.
func (s *Server) ClientURLs() []url.URL { return s.ports.clientURLs }

// PeerURLs are the peer URLs it listens on, with the ports that were chosen.
func (s *Server) PeerURLs() []url.URL { return s.ports.peerURLs }

// Replica is the member's copy of the state, for tests and tools in the same process.
func (s *Server) Replica() *replica.Replica { return s.replica }

// Close hands leadership on, ends what is under way, flushes the state, and releases everything. It returns what the last part of
// that said.
func (s *Server) Close() error {
	s.once.Do(func() {
		if s.wedged.Load() {
			// Whoever uses the state waits for ever. Ports are closed, the rest ends with the process.
			s.cancel()
			s.ports.close()
			s.ended = errWedged
			return
		}
		resign, cancel := context.WithTimeout(context.Background(), resignMax)
		s.replica.Resign(resign)
		cancel()
		drain, cancel := context.WithTimeout(context.Background(), drainMax)
		defer cancel()
		s.halt(drain)
		s.flushState()
		if s.wedged.Load() {
			s.ended = errWedged
			return
		}
		s.ended = errors.Join(s.replica.Close(), s.recorder.Close())
	})
	return s.ended
}

// flushState spares the next start what this one applied, unless the disk is in trouble or takes long.
func (s *Server) flushState() {
	store := s.replica.Store()
	if applied, _ := store.Applied(); store.DurableApplied() >= applied || store.Health() != nil {
		return
	}
	flushed := make(chan error, 1)
	go func() { flushed <- store.Flush() }()
	select {
	case err := <-flushed:
		if err != nil {
			s.logger.Warn("could not flush the state", "error", err)
		}
	case <-time.After(flushMax):
		s.logger.Warn("could not flush the state in time", "limit", flushMax)
	}
}

// Abort ends the member without handing leadership on or letting calls end: as near to a crash as one process can come in
// which others go on. Once nothing runs any more it calls crash, which may take an image of the files as they are, and
// closes them after that.
func (s *Server) Abort(crash func()) error {
	s.once.Do(func() {
		at, cancel := context.WithCancel(context.Background())
		cancel()
		s.halt(at)
		crash()
		s.ended = errors.Join(s.replica.Close(), s.recorder.Close())
	})
	return s.ended
}

// halt ends everything that runs; calls under way have until drain ends.
func (s *Server) halt(drain context.Context) {
	s.ports.stopAccepting()
	s.api.Stop(drain)
	s.closeTracing(drain)
	s.cancel()
	s.ports.close()
	s.gateway.close()
	s.requests.end()
	s.workers.Wait()
}

// ignoreClosed reports why a port ended, unless it was closed.
func (s *Server) ignoreClosed(err error) {
	if err == nil || s.ctx.Err() != nil || isClosed(err) {
		return
	}
	s.fail(fmt.Errorf("server: serve: %w", err))
}

const (
	// readHeaderMax is how long a client may take to send a request's header.
	readHeaderMax = 10 * time.Second
	// idleMax is how long a connection may wait for its next request.
	idleMax = 2 * time.Minute
)

func (s *Server) newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: s.requests.counted(h), ReadHeaderTimeout: readHeaderMax, IdleTimeout: idleMax,
		ErrorLog:    slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return s.ctx }, // a handler may wait for more than its connection
	}
}
