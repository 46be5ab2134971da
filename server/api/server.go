package api

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that codec.go wraps
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/recipes"
	"github.com/petcd/petcd/server/requestlog"
	"github.com/petcd/petcd/server/rpc"
)

// requestOverhead is what a message may be larger than the largest request, for
// the encoding around it.
const requestOverhead = 512 * 1024

// streamWorkers is how many calls can be under way before one costs a new
// goroutine, whose stack then has to grow. Most of a call is waiting, so it is
// a number of clients, not of processors: with 1,000 clients, 1024 workers took
// 10 to 16 % less CPU a put and 19 % less a linearizable range than none, while
// 8 took more (bench put, bench range).
const streamWorkers = 1024

// connectionTimeout is how long a client may take to begin to speak HTTP/2 on a
// connection that has shown to be gRPC's.
const connectionTimeout = 20 * time.Second

// Options are what a Server is made of.
type Options struct {
	Config     config.Config
	Replica    Replica
	Lessor     Lessor
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics are exported
	Recorder   *requestlog.Recorder  // nil: requests are not recorded
	Tracing    stats.Handler         // nil: calls are not traced
}

// Server serves one member's gRPC services on any number of listeners.
type Server struct {
	replica Replica
	lessor  Lessor
	logger  *slog.Logger
	metrics *metrics
	// recorder is nil when requests are not recorded.
	recorder *requestlog.Recorder
	traced   bool
	leaders  leaderWatch
	grpc     *grpc.Server
	rpc      *rpc.Server // nil: grpc serves all connections
	health   *health.Server

	txnOpsMax             int
	requestBytesMax       int
	answers               *answerBudget
	quotaBytes            int64
	slowUnary             time.Duration
	watchProgressInterval time.Duration
	unhealthyOnDefragment bool
	certificateUsers      bool
}

// New makes a server; Serve starts it.
func New(o Options) (*Server, error) {
	c := o.Config
	m, err := newMetrics(o.Registerer, c.Metrics == "extensive")
	if err != nil {
		return nil, fmt.Errorf("api: register metrics: %w", err)
	}
	s := &Server{
		replica:               o.Replica,
		lessor:                o.Lessor,
		logger:                o.Logger,
		metrics:               m,
		recorder:              o.Recorder,
		traced:                o.Tracing != nil,
		txnOpsMax:             int(min(c.MaxTxnOps, math.MaxInt32)),
		requestBytesMax:       int(c.MaxRequestBytes),
		answers:               &answerBudget{max: c.AnswerMemory()},
		quotaBytes:            c.QuotaBytes,
		slowUnary:             c.WarningUnaryRequestDuration,
		watchProgressInterval: c.WatchProgressNotifyInterval,
		unhealthyOnDefragment: c.FeatureGates["StopGRPCServiceOnDefrag"],
		certificateUsers:      c.ClientTLS.ClientCertAuth,
		health:                health.NewServer(),
	}
	s.leaders = leaderWatch{
		hasLeader: func() bool { return s.replica.Status().Leader != 0 },
		interval:  c.ElectionTimeout,
	}
	options := s.options(&c)
	if s.traced {
		options = append(options, grpc.StatsHandler(o.Tracing))
	}
	s.grpc = grpc.NewServer(options...)
	s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	services := recipes.NewChannel(s.admit)
	s.registerStore(services, &pb.KV_ServiceDesc)
	s.register(s.grpc, services, &pb.KV_ServiceDesc)
	if c.GRPCFastPath && !s.traced {
		s.rpc = rpc.New(s.rpcOptions(&c))
		s.register(s.rpc, services, encodedKV())
	}
	m.addServices(s.grpc.GetServiceInfo())
	return s, nil
}

// register adds all services to a transport.
func (s *Server) register(r grpc.ServiceRegistrar, services *recipes.Channel, kv *grpc.ServiceDesc) {
	s.registerStore(r, kv)
	pb.RegisterClusterServer(r, &clusterService{Server: s})
	pb.RegisterAuthServer(r, &authService{Server: s})
	pb.RegisterMaintenanceServer(r, &maintenanceService{Server: s})
	recipes.Register(r, services)
	grpc_health_v1.RegisterHealthServer(r, s.health)
}

// registerStore adds the services that the recipes use, too.
func (s *Server) registerStore(r grpc.ServiceRegistrar, kv *grpc.ServiceDesc) {
	r.RegisterService(kv, &kvService{Server: s})
	pb.RegisterWatchServer(r, &watchService{Server: s})
	pb.RegisterLeaseServer(r, &leaseService{Server: s})
}

// rpcOptions are those of petcd's own transport; what they say is what options say to grpc-go.
func (s *Server) rpcOptions(c *config.Config) rpc.Options {
	return rpc.Options{
		Credentials:    handshaken{},
		Unary:          s.unary,
		Stream:         s.stream,
		Sent:           s.metrics.sentBytes,
		Received:       s.metrics.receivedBytes,
		MessageMax:     s.MaxMessageBytes(),
		StreamsMax:     c.MaxConcurrentStreams,
		ConnectTimeout: connectionTimeout,
		PingInterval:   c.GRPCKeepAliveInterval,
		PingTimeout:    c.GRPCKeepAliveTimeout,
		PingMinTime:    c.GRPCKeepAliveMinTime,
	}
}

// options are gRPC's limits, as etcd sets them, and what makes a small call
// cheap: workers that keep their stack, and one write buffer a connection only
// while it writes.
func (s *Server) options(c *config.Config) []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.Creds(handshaken{}),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.ForceServerCodecV2(&codec{
			CodecV2:  encoding.GetCodecV2("proto"),
			sent:     s.metrics.sentBytes,
			received: s.metrics.receivedBytes,
		}),
		grpc.MaxRecvMsgSize(s.MaxMessageBytes()),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(c.MaxConcurrentStreams),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: c.GRPCKeepAliveMinTime}),
	}
	if c.GRPCKeepAliveInterval > 0 && c.GRPCKeepAliveTimeout > 0 {
		opts = append(opts, grpc.KeepaliveParams(keepalive.ServerParameters{
			Time:    c.GRPCKeepAliveInterval,
			Timeout: c.GRPCKeepAliveTimeout,
		}))
	}
	return opts
}

// MaxMessageBytes is the largest message that is received: larger than the
// largest request, which is refused by a check that says so.
func (s *Server) MaxMessageBytes() int { return s.requestBytesMax + requestOverhead }

// Serve answers the connections of l until Stop. It returns nil after Stop.
func (s *Server) Serve(l net.Listener) error {
	if s.rpc != nil {
		return s.rpc.Serve(l)
	}
	return s.grpc.Serve(l)
}

// Stop closes the listeners, lets calls end until ctx is done, then cuts them
// off. When it returns no handler is running.
func (s *Server) Stop(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	if s.rpc != nil {
		s.rpc.Stop(ctx)
	}
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
}
