package rpc

import (
	"context"
	"math"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Counter counts bytes.
type Counter interface{ Add(float64) }

// Options are what a Server is made of. Zero means none, but where it says otherwise.
type Options struct {
	// Credentials tell who is at the other end of a connection. Nil: nobody is known.
	Credentials credentials.TransportCredentials
	// Unary and Stream are called around every handler.
	Unary  grpc.UnaryServerInterceptor
	Stream grpc.StreamServerInterceptor
	// Sent and Received count the bytes of messages.
	Sent, Received Counter

	// MessageMax is the largest message that is received; 0 takes all.
	MessageMax int
	// StreamsMax is how many calls of a connection may be under way; 0 and math.MaxUint32 do not limit them.
	StreamsMax uint32
	// ConnectTimeout is how long a client may take to begin to speak HTTP/2; 0 is for ever.
	ConnectTimeout time.Duration
	// PingInterval is after how much silence a client is asked whether it is there, PingTimeout how long it may take to answer.
	PingInterval, PingTimeout time.Duration
	// PingMinTime is how much time clients have to leave between pings; 0 is grpc-go's default.
	PingMinTime time.Duration
}

// Server serves gRPC's services on the connections that it is given.
type Server struct {
	options  Options
	limits   limits
	methods  map[string]*method // by path; like services fixed once it serves
	services map[string]bool
	workers  workers

	mu        sync.Mutex
	stopping  bool
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	running   sync.WaitGroup // connections and handlers
}

// New makes a server; services are registered next.
func New(o Options) *Server {
	if o.MessageMax == 0 {
		o.MessageMax = math.MaxInt32
	}
	if o.StreamsMax == 0 {
		o.StreamsMax = math.MaxUint32
	}
	if o.PingMinTime == 0 {
		o.PingMinTime = 5 * time.Minute
	}
	return &Server{
		options:   o,
		limits:    defaultLimits,
		methods:   map[string]*method{},
		services:  map[string]bool{},
		listeners: map[net.Listener]struct{}{},
		conns:     map[*conn]struct{}{},
	}
}

// Serve answers the connections of l until Stop, and returns nil then. Each of them opens with HTTP/2's preface, after a TLS
// handshake if there is one.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	stopping := s.stopping
	if !stopping {
		s.listeners[l] = struct{}{}
	}
	s.mu.Unlock()
	if stopping {
		return l.Close()
	}
	for {
		accepted, err := l.Accept()
		if err == nil {
			go s.receive(accepted)
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, l)
		if s.stopping {
			return nil
		}
		return err
	}
}

// receive serves one connection.
func (s *Server) receive(accepted net.Conn) {
	c, err := s.newConn(accepted)
	if err != nil {
		_ = accepted.Close() // there is nobody to tell
		return
	}
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		_ = accepted.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.running.Add(2)
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		c.write()
	}()
	defer s.running.Done()
	c.read()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// Stop closes the listeners, lets calls end until ctx is done, then cuts them off. When it returns no handler is running.
func (s *Server) Stop(ctx context.Context) {
	s.mu.Lock()
	s.stopping = true
	for l := range s.listeners {
		_ = l.Close() // closed is all it can become
	}
	s.mu.Unlock()
	s.each((*conn).drain)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.running.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.each(func(c *conn) { c.close(errStopped) })
		<-ended
	}
	s.workers.close()
}

// each calls f for every connection.
func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}
