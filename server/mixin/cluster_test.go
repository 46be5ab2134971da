package mixin

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/process"
)

var built struct {
	once sync.Once
	dir  string
	bin  process.Binaries
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// startCluster starts petcd with all metrics, and ends it with the test.
func startCluster(t *testing.T, c process.Config) *process.Cluster {
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "petcd-mixin-"); built.err == nil {
			built.bin, built.err = process.Locate(context.Background(), process.Petcd, built.dir)
		}
	})
	require.NoError(t, built.err)
	c.Binary, c.Root = built.bin.Etcd, t.TempDir()
	c.Flags = append(c.Flags, "--metrics=extensive")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := process.Start(ctx, c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cluster.Close() })
	return cluster
}

// clientOf connects to some members.
func clientOf(t *testing.T, endpoints ...string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop(), DialTimeout: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// load is traffic on a cluster: puts and reads, through every member.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	served atomic.Int64
}

// startLoad begins it: about a hundred requests a second.
func startLoad(t *testing.T, c *process.Cluster) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel}
	for i, endpoint := range c.Endpoints() {
		client := clientOf(t, endpoint)
		l.done.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("%d/%d", i, n%100)
				_, putErr := client.Put(ctx, key, "value")
				_, getErr := client.Get(ctx, key)
				if putErr == nil && getErr == nil {
					l.served.Add(2)
				}
				select {
				case <-time.After(50 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	return l
}

// wait waits until so many requests were served.
func (l *load) wait(t *testing.T, n int64) {
	require.Eventually(t, func() bool { return l.served.Load() >= n }, time.Minute, 20*time.Millisecond)
}

// stop ends the traffic.
func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}
