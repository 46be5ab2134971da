package conformance

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/petcd/petcd/server/process"
)

// server is a running cluster of one target with clients of its first member:
// the stock client, and plain gRPC stubs where that client hides something.
type server struct {
	target  target
	cluster *process.Cluster
	client  *clientv3.Client
	stubs

	// as is an HTTP client that has a user's certificate; nil where clients need none.
	as func(user string) *http.Client
}

// stubs are the services of one member without a client library's retries.
type stubs struct {
	conn  *grpc.ClientConn
	kv    pb.KVClient
	watch pb.WatchClient
	lease pb.LeaseClient
	admin pb.ClusterClient
	maint pb.MaintenanceClient
}

// startServer runs a cluster until the test ends and shows the end of its logs
// when the test failed.
func startServer(t *testing.T, tg target, members int, flags ...string) *server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cluster, err := process.Start(ctx, process.Config{Binary: tg.bin, Members: members, Root: t.TempDir(), Flags: flags})
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, m := range cluster.Members() {
			if !t.Failed() {
				break
			}
			t.Logf("log of %s %s ends with:\n%s", tg.name, m.Name, m.LogTail(10))
		}
		require.NoError(t, cluster.Close())
	})
	return &server{
		target:  tg,
		cluster: cluster,
		client:  dialClient(t, cluster.Member(0).ClientURL),
		stubs:   dialStubs(t, cluster.Member(0)),
	}
}

func dialClient(t *testing.T, endpoints ...string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: startTimeout, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func dialStubs(t *testing.T, m *process.Member) stubs {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(m.ClientURL, "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return stubs{
		conn:  conn,
		kv:    pb.NewKVClient(conn),
		watch: pb.NewWatchClient(conn),
		lease: pb.NewLeaseClient(conn),
		admin: pb.NewClusterClient(conn),
		maint: pb.NewMaintenanceClient(conn),
	}
}
