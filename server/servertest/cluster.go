package servertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/process"
)

// waitMax is how long a test waits for what must come.
const waitMax = 30 * time.Second

// dataDir is the data directory in every member's file system.
const dataDir = "/data"

// Cluster is a number of members and the network between them.
type Cluster struct {
	Members []*Member
	Network *Network

	t      testing.TB
	adjust func(*config.Config)
	wrapFS func(m *Member, fs vfs.FS) vfs.FS
	level  slog.Level
	rng    *rand.Rand
}

// Member is one member: its configuration, its files, and the server while it runs.
type Member struct {
	Config   config.Config
	Server   *server.Server // nil while it is stopped
	FS       *vfs.MemFS
	Registry *prometheus.Registry // of the present run
	ID       uint64

	position int
	cluster  *Cluster
}

// Option changes a cluster before it starts.
type Option func(*Cluster)

// WithConfig has every member's configuration adjusted.
func WithConfig(adjust func(*config.Config)) Option {
	return func(c *Cluster) { c.adjust = adjust }
}

// WithFS has every member use its files through wrap, which may make them fail.
func WithFS(wrap func(m *Member, fs vfs.FS) vfs.FS) Option {
	return func(c *Cluster) { c.wrapFS = wrap }
}

// Start starts a cluster of n members and waits until all serve clients. The test's end closes it.
func Start(t testing.TB, n int, options ...Option) *Cluster {
	t.Helper()
	c := New(t, n, options...)
	for _, m := range c.Members {
		m.Start()
	}
	for _, m := range c.Members {
		m.WaitReady()
	}
	return c
}

// New makes a cluster of n members that were not started.
func New(t testing.TB, n int, options ...Option) *Cluster {
	c := &Cluster{Network: newNetwork(), t: t, level: slog.LevelError, adjust: func(*config.Config) {}}
	if os.Getenv("PETCD_TEST_LOG") != "" {
		c.level = slog.LevelInfo
	}
	seed := rand.Uint64()
	t.Logf("servertest: seed %d", seed)
	c.rng = rand.New(rand.NewPCG(seed, 0))
	for _, o := range options {
		o(c)
	}
	initial := types.URLsMap{}
	for range n {
		m := c.newMember()
		initial[m.Config.Name] = m.Config.AdvertisePeerURLs
	}
	for _, m := range c.Members {
		m.Config.InitialCluster = initial
	}
	t.Cleanup(c.close)
	return c
}

// newMember makes a member with ports and files of its own.
func (c *Cluster) newMember() *Member {
	m := &Member{Config: config.Default(), FS: vfs.NewCrashableMem(), position: len(c.Members), cluster: c}
	peer, client := c.localURL(), c.localURL()
	m.Config.Name = fmt.Sprintf("m%d", m.position)
	m.Config.DataDir = dataDir
	m.Config.HeartbeatInterval, m.Config.ElectionTimeout = 50*time.Millisecond, 500*time.Millisecond
	m.Config.ListenPeerURLs, m.Config.AdvertisePeerURLs = peer, peer
	m.Config.ListenClientURLs, m.Config.AdvertiseClientURLs = client, client
	c.adjust(&m.Config)
	c.Network.mu.Lock()
	c.Network.hosts[peer[0].Host] = m.position
	c.Network.mu.Unlock()
	c.Members = append(c.Members, m)
	return m
}

func (c *Cluster) localURL() []url.URL {
	port, err := process.FreePort()
	require.NoError(c.t, err)
	return []url.URL{{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}}
}

func (c *Cluster) close() {
	for _, m := range c.Members {
		if m.Server != nil {
			require.NoError(c.t, m.Server.Abort(func() {}))
			m.Server = nil
		}
	}
}

// Start starts a member that is stopped. It does not wait for a quorum.
func (m *Member) Start() {
	m.cluster.t.Helper()
	require.NoError(m.cluster.t, m.TryStart())
}

// TryStart is Start for a member that may fail to.
func (m *Member) TryStart() error {
	m.Registry = prometheus.NewRegistry()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: m.cluster.level})).With("member", m.Config.Name)
	s, err := server.Start(context.Background(), m.Config, server.Options{
		Logger: logger, Registry: m.Registry, FS: m.fs(),
		Dial: m.cluster.Network.dialer(m.position), Filter: m.cluster.Network.filter,
	})
	if err != nil {
		return err
	}
	m.Server, m.ID = s, s.Replica().Cluster().LocalID()
	m.cluster.Network.mu.Lock()
	m.cluster.Network.ids[m.ID] = m.position
	m.cluster.Network.mu.Unlock()
	return nil
}

// fs is the member's files as its server shall see them.
func (m *Member) fs() vfs.FS {
	if m.cluster.wrapFS == nil {
		return m.FS
	}
	return m.cluster.wrapFS(m, m.FS)
}

// WaitReady waits until the member serves clients.
func (m *Member) WaitReady() {
	m.cluster.t.Helper()
	select {
	case <-m.Server.Ready():
	case err := <-m.Server.Err():
		require.NoError(m.cluster.t, err, "member %s ended", m.Config.Name)
	case <-time.After(waitMax):
		require.FailNow(m.cluster.t, "member is not ready", m.Config.Name)
	}
}

// Stop ends a member as SIGTERM does.
func (m *Member) Stop() {
	m.cluster.t.Helper()
	require.NoError(m.cluster.t, m.Server.Close())
	m.Server = nil
}

// Kill ends a member as a power failure does: of what was not synced, a random part is lost.
func (m *Member) Kill() {
	m.cluster.t.Helper()
	var crashed *vfs.MemFS
	require.NoError(m.cluster.t, m.Server.Abort(func() {
		crashed = m.FS.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.cluster.rng.IntN(101), RNG: m.cluster.rng})
	}))
	m.FS, m.Server = crashed, nil
}

// Restart starts a member again and waits until it serves.
func (m *Member) Restart() {
	m.cluster.t.Helper()
	m.Start()
	m.WaitReady()
}

// Endpoint is where clients reach the member.
func (m *Member) Endpoint() string { return m.Config.AdvertiseClientURLs[0].Host }

// Client returns a client of these members only, or of all of them when none is given.
func (c *Cluster) Client(members ...*Member) *clientv3.Client {
	c.t.Helper()
	if len(members) == 0 {
		members = c.Members
	}
	var endpoints []string
	for _, m := range members {
		endpoints = append(endpoints, m.Endpoint())
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Context is a context that ends long after what a test waits for should have come.
func (c *Cluster) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	c.t.Cleanup(cancel)
	return ctx
}

// Leader waits until the members that run agree on a leader among them, and returns it.
func (c *Cluster) Leader() *Member {
	c.t.Helper()
	var leader *Member
	c.Eventually(func() bool {
		leader = nil
		for _, m := range c.Members {
			if m.Server != nil && m.Server.Replica().Status().IsLeader {
				leader = m
			}
		}
		return leader != nil && c.follow(leader)
	}, "the members agree on a leader")
	return leader
}

// follow tells whether all members that run and know their cluster follow leader.
func (c *Cluster) follow(leader *Member) bool {
	for _, m := range c.Members {
		if m.Server != nil && m.Server.Replica().Status().Leader != leader.ID {
			return false
		}
	}
	return true
}

// Follower returns a member that runs and does not lead.
func (c *Cluster) Follower() *Member {
	c.t.Helper()
	leader := c.Leader()
	for _, m := range c.Members {
		if m.Server != nil && m != leader {
			return m
		}
	}
	require.FailNow(c.t, "no follower runs")
	return nil
}

// Eventually waits for a condition.
func (c *Cluster) Eventually(condition func() bool, what string) {
	c.t.Helper()
	require.Eventually(c.t, condition, waitMax, 10*time.Millisecond, what)
}

// Add adds a member through client, starts it and waits until it serves; a learner is ready when it has published itself,
// too.
func (c *Cluster) Add(client *clientv3.Client, learner bool) *Member {
	c.t.Helper()
	initial := types.URLsMap{}
	ctx := c.Context()
	list, err := client.MemberList(ctx)
	require.NoError(c.t, err)
	for _, m := range list.Members {
		urls, err := types.NewURLs(m.PeerURLs)
		require.NoError(c.t, err)
		initial[m.Name] = urls
	}
	m := c.newMember()
	peers := []string{m.Config.AdvertisePeerURLs[0].String()}
	add := client.MemberAdd
	if learner {
		add = client.MemberAddAsLearner
	}
	c.Eventually(func() bool {
		_, err = add(ctx, peers)
		if !errors.Is(err, rpctypes.ErrUnhealthy) { // they must have been connected for five seconds
			require.NoError(c.t, err)
		}
		return err == nil
	}, "the addition is accepted")
	initial[m.Config.Name] = m.Config.AdvertisePeerURLs
	m.Config.InitialCluster = initial
	m.Config.InitialClusterState = config.ClusterStateExisting
	m.Start()
	m.WaitReady()
	return m
}
