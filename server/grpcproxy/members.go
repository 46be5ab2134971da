package grpcproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"google.golang.org/grpc"
)

// retryPause is how long the proxy waits before it registers itself or follows
// the other proxies anew.
const retryPause = time.Second

// members answers MemberList with proxies in place of members, so that a
// client that asks for the cluster's endpoints stays behind them.
type members struct {
	advertise string
	prefix    string // where proxies register; empty: this one stands alone
	ttl       int    // of the registration, seconds
	client    *clientv3.Client
	logger    *slog.Logger

	mu      sync.Mutex
	proxies map[string]endpoints.Endpoint // by key
}

// registration is the value that etcd's proxies keep with their address.
type registration struct {
	Name string `json:"name"`
}

// list is MemberList.
func (m *members) list(context.Context, *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	resp := &pb.MemberListResponse{}
	for _, e := range m.proxies {
		var r registration
		if text, ok := e.Metadata.(string); ok {
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				return nil, fmt.Errorf("grpcproxy: the registration of %s: %w", e.Addr, err)
			}
		}
		resp.Members = append(resp.Members, &pb.Member{Name: r.Name, ClientURLs: []string{e.Addr}})
	}
	if len(resp.Members) == 0 {
		resp.Members = []*pb.Member{{Name: hostname(), ClientURLs: []string{m.advertise}}}
	}
	slices.SortFunc(resp.Members, func(a, b *pb.Member) int { return strings.Compare(a.ClientURLs[0], b.ClientURLs[0]) })
	return resp, nil
}

// register serves MemberList; the service's other calls are forwarded.
func (m *members) register(r grpc.ServiceRegistrar) {
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: pb.Cluster_ServiceDesc.ServiceName,
		Methods:     []grpc.MethodDesc{unaryMethod("MemberList", m.list)},
		Metadata:    pb.Cluster_ServiceDesc.Metadata,
	}, nil)
}

// run keeps this proxy registered and follows the others, until ctx ends.
func (m *members) run(ctx context.Context) {
	if m.prefix == "" {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { m.again(ctx, "register", m.announce) })
	wg.Go(func() { m.again(ctx, "follow the other proxies", m.follow) })
	wg.Wait()
}

// again does work anew whenever it ends.
func (m *members) again(ctx context.Context, what string, work func(context.Context) error) {
	for ctx.Err() == nil {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			m.logger.Warn("grpc-proxy could not "+what, "prefix", m.prefix, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}

// announce registers the proxy under a lease, and returns when that is lost.
func (m *members) announce(ctx context.Context) error {
	session, err := concurrency.NewSession(m.client, concurrency.WithTTL(m.ttl), concurrency.WithContext(ctx))
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // the lease ends by itself
	em, err := endpoints.NewManager(m.client, m.prefix)
	if err != nil {
		return err
	}
	meta, err := json.Marshal(registration{Name: hostname()})
	if err != nil {
		return err
	}
	err = em.AddEndpoint(ctx, m.prefix+"/"+m.advertise, endpoints.Endpoint{Addr: m.advertise, Metadata: string(meta)},
		clientv3.WithLease(session.Lease()))
	if err != nil {
		return err
	}
	m.logger.Info("registered session with lease", "addr", m.advertise, "lease-ttl", m.ttl)
	select {
	case <-session.Done():
	case <-ctx.Done():
	}
	return nil
}

// follow keeps proxies as they register and leave.
func (m *members) follow(ctx context.Context) error {
	em, err := endpoints.NewManager(m.client, m.prefix)
	if err != nil {
		return err
	}
	updates, err := em.NewWatchChannel(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.proxies = map[string]endpoints.Endpoint{}
	m.mu.Unlock()
	for batch := range updates {
		m.mu.Lock()
		for _, u := range batch {
			if u.Op == endpoints.Add {
				m.proxies[u.Key] = u.Endpoint
			} else {
				delete(m.proxies, u.Key)
			}
		}
		m.mu.Unlock()
	}
	return nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
