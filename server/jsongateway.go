package server

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/petcd/petcd/server/httpapi"
)

// gatewayBuffer is how much may be under way on the gateway's connection in
// each direction before the writer waits.
const gatewayBuffer = 64 << 10

// jsonGateway is the way from the JSON gateway to the gRPC services: a connection
// in memory. It is no client port, so it has no certificate that could be taken
// for a user's. The zero value is one that is switched off.
type jsonGateway struct {
	pipe *bufconn.Listener
	conn *grpc.ClientConn
}

// open makes the handler of the JSON gateway, nil if it is switched off.
func (g *jsonGateway) open(s *Server) (http.Handler, error) {
	if !s.cfg.EnableGRPCGateway {
		return nil, nil
	}
	g.pipe = bufconn.Listen(gatewayBuffer)
	conn, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return g.pipe.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		return nil, fmt.Errorf("server: connect gateway: %w", err)
	}
	g.conn = conn
	return httpapi.NewGateway(s.ctx, httpapi.GatewayOptions{Conn: conn, MaxMessageBytes: s.api.MaxMessageBytes(), Logger: s.logger})
}

// serve lets the services answer the gateway until they stop.
func (g *jsonGateway) serve(s *Server) {
	if g.conn != nil {
		s.workers.Go(func() { s.ignoreClosed(s.api.Serve(g.pipe)) })
	}
}

// close ends the connection and what is under way on it.
func (g *jsonGateway) close() {
	if g.conn != nil {
		_ = g.conn.Close() // fails only when closed before
	}
}
