package target

import (
	"context"
	"fmt"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// window is fixed and large: with a static one gRPC does not probe the bandwidth, which costs
	// pings, and no benchmark request fills it.
	window = 1 << 20
	// answerMax admits a page of 10,000 keys of 1 KiB and more.
	answerMax = 1 << 30
)

// Dial opens a connection to one endpoint. It spends as little as gRPC allows, for the load generator
// takes its CPU from the servers.
func Dial(endpoint string) (*grpc.ClientConn, error) {
	address := strings.TrimPrefix(endpoint, "http://")
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableHealthCheck(),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(answerMax)),
	)
	if err != nil {
		return nil, fmt.Errorf("target: dial %s: %w", endpoint, err)
	}
	return conn, nil
}

// Conns is a set of connections that end together.
type Conns []*grpc.ClientConn

// Dial opens count connections: all to the leader, or in turn to every endpoint.
func (t *Target) Dial(ctx context.Context, count int, leaderOnly bool) (Conns, error) {
	endpoints := t.Endpoints
	if leaderOnly && len(endpoints) > 1 {
		leader, err := t.Leader(ctx)
		if err != nil {
			return nil, err
		}
		endpoints = []string{leader}
	}
	var conns Conns
	for i := range count {
		c, err := Dial(endpoints[i%len(endpoints)])
		if err != nil {
			conns.Close()
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// Interfaces is what workloads take.
func (c Conns) Interfaces() []grpc.ClientConnInterface {
	out := make([]grpc.ClientConnInterface, 0, len(c))
	for _, conn := range c {
		out = append(out, conn)
	}
	return out
}

// Revision is the store's newest.
func (c Conns) Revision(ctx context.Context) (int64, error) {
	resp, err := pb.NewKVClient(c[0]).Range(ctx, &pb.RangeRequest{Key: []byte{0}})
	if err != nil {
		return 0, fmt.Errorf("target: newest revision: %w", err)
	}
	return resp.Header.GetRevision(), nil
}

// Close ends the connections; ending twice is no error.
func (c Conns) Close() {
	for _, conn := range c {
		_ = conn.Close() // only says that it was closed before
	}
}

// Leader returns the endpoint of the member that leads.
func (t *Target) Leader(ctx context.Context) (string, error) {
	for _, ep := range t.Endpoints {
		st, err := Status(ctx, ep)
		if err != nil {
			return "", err
		}
		if st.Leader != 0 && st.Leader == st.Header.GetMemberId() {
			return ep, nil
		}
	}
	return "", fmt.Errorf("%w: %v", ErrNoLeader, t.Endpoints)
}

// Status asks one endpoint for its own.
func Status(ctx context.Context, endpoint string) (*pb.StatusResponse, error) {
	conn, err := Dial(endpoint)
	if err != nil {
		return nil, err
	}
	defer Conns{conn}.Close()
	st, err := pb.NewMaintenanceClient(conn).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return nil, fmt.Errorf("target: status of %s: %w", endpoint, err)
	}
	return st, nil
}

// Version asks the first endpoint for its server version.
func (t *Target) Version(ctx context.Context) (string, error) {
	st, err := Status(ctx, t.Endpoints[0])
	if err != nil {
		return "", err
	}
	return st.Version, nil
}
