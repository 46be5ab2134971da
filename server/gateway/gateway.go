package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// dialTimeout bounds the attempt to reach one endpoint.
	dialTimeout = 5 * time.Second
	// acceptPause follows an accept that failed, for lack of descriptors say.
	acceptPause = 50 * time.Millisecond
)

// Options are what a Gateway is given. Endpoints is required.
type Options struct {
	Endpoints  []Endpoint
	RetryDelay time.Duration
	// Verify, when set, is asked about an endpoint before every connection.
	Verify *Verifier
	Logger *slog.Logger
}

// Gateway passes connections on.
type Gateway struct {
	o    Options
	pool *pool
}

// New makes a gateway.
func New(o Options) *Gateway {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Gateway{o: o, pool: &pool{retryDelay: o.RetryDelay, all: o.Endpoints, down: map[Endpoint]time.Time{}}}
}

// Serve passes l's connections on until ctx ends; then it closes l and them.
func (g *Gateway) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept says why it ended
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			cancel()
			return err
		case err != nil:
			g.o.Logger.Warn("gateway could not accept a connection", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		conns.Go(func() { g.pass(ctx, c) })
	}
}

// pass connects a client to the first endpoint that can be reached.
func (g *Gateway) pass(ctx context.Context, client net.Conn) {
	defer client.Close()
	member, err := g.dial(ctx)
	if err != nil {
		g.o.Logger.Warn("gateway has no endpoint for a connection", "remote-addr", client.RemoteAddr().String(), "error", err)
		return
	}
	defer member.Close()
	stop := context.AfterFunc(ctx, func() {
		_ = client.Close() // the copies below end by it
		_ = member.Close()
	})
	defer stop()
	var there sync.WaitGroup
	there.Go(func() { oneWay(member, client) })
	oneWay(client, member)
	there.Wait()
}

// oneWay copies until from has no more, and tells to so.
func oneWay(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if w, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = w.CloseWrite() // it may be closed already
		return
	}
	_ = to.Close() // a connection that broke is over in both directions
	_ = from.Close()
}

// errNoEndpoint says that there was nothing to dial.
var errNoEndpoint = errors.New("gateway: no endpoint")

// dial tries the endpoints in turn.
func (g *Gateway) dial(ctx context.Context) (net.Conn, error) {
	err := errNoEndpoint
	for _, e := range g.pool.order(time.Now()) {
		var c net.Conn
		if c, err = g.connect(ctx, e); err == nil {
			g.pool.reached(e)
			return c, nil
		}
		g.pool.failed(e, time.Now())
		g.o.Logger.Warn("deactivated endpoint", "address", e.String(), "interval", g.o.RetryDelay.String(), "error", err)
	}
	return nil, err
}

// connect verifies an endpoint, if that is wanted, and connects to it.
func (g *Gateway) connect(ctx context.Context, e Endpoint) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if g.o.Verify != nil {
		if err := g.o.Verify.verify(ctx, e); err != nil {
			return nil, err
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", e.String())
}
