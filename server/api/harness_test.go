package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/coreos/go-semver/semver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/lessor"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
)

// loop is a replica without consensus: what is proposed is applied at once, to
// a real store. Its knobs stand in for what the cluster around a member does.
type loop struct {
	store   *storage.Store
	cluster *membership.Cluster
	applier *apply.Applier
	users   *auth.Store

	leader   atomic.Uint64
	noQuota  atomic.Bool
	barriers atomic.Int64
	failNext atomic.Pointer[error]

	mu    sync.Mutex
	index uint64
}

func (l *loop) Propose(_ context.Context, r *pb.InternalRaftRequest) (*apply.Result, error) {
	if err := l.failNext.Swap(nil); err != nil {
		return nil, *err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index++
	b := l.store.NewBatch()
	res, err := l.applier.Apply(b, r, true)
	if err != nil {
		return nil, err
	}
	if err := b.Commit(l.index, 2); err != nil {
		return nil, err
	}
	l.users.Publish()
	if in, ok := res.Resp.(*pb.AuthenticateResponse); ok {
		in.Token = l.users.Admit(r.Authenticate.GetName(), r.Authenticate.GetSimpleToken(), l.index)
	}
	return res, nil
}

func (l *loop) CheckQuota(_ context.Context, r *pb.InternalRaftRequest) error {
	if l.noQuota.Load() && apply.Cost(r) > 0 {
		return apply.ErrNoSpace
	}
	return nil
}

func (l *loop) ReadBarrier(context.Context) error { l.barriers.Add(1); return nil }

func (l *loop) Store() *storage.Store        { return l.store }
func (l *loop) Cluster() *membership.Cluster { return l.cluster }
func (l *loop) Auth() *auth.Store            { return l.users }

func (l *loop) Status() replica.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return replica.Status{MemberID: 7, ClusterID: 9, Leader: l.leader.Load(), Term: 2, CommitIndex: l.index, AppliedIndex: l.index}
}

func (l *loop) Alarms(kind pb.AlarmType) []*pb.AlarmMember { return l.applier.Alarms(kind) }

func (l *loop) AddMember(_ context.Context, urls []string, learner bool) (*membership.Member, []*membership.Member, error) {
	m := &membership.Member{ID: 11, RaftAttributes: membership.RaftAttributes{PeerURLs: urls, IsLearner: learner}}
	return m, []*membership.Member{m}, nil
}

func (l *loop) RemoveMember(context.Context, uint64) ([]*membership.Member, error) {
	return nil, membership.ErrIDNotFound
}

func (l *loop) UpdateMember(context.Context, uint64, []string) ([]*membership.Member, error) {
	return nil, membership.ErrPeerURLExists
}

func (l *loop) PromoteMember(context.Context, uint64) ([]*membership.Member, error) {
	return nil, replica.ErrLearnerNotReady
}

func (l *loop) ValidateDowngrade(context.Context, *semver.Version) error { return nil }
func (l *loop) EnableDowngrade(context.Context, *semver.Version) error {
	return replica.ErrDowngradeInProcess
}
func (l *loop) CancelDowngrade(context.Context) error { return replica.ErrNoDowngrade }

func (l *loop) MoveLeader(context.Context, uint64) error { return replica.ErrBadTransferee }

// oneLease knows lease 5 and takes 6 for one whose leader is gone.
type oneLease struct{}

func (oneLease) KeepAlive(_ context.Context, id int64) (int64, error) {
	switch id {
	case 5:
		return 60, nil
	case 6:
		return 0, replica.ErrNoLeader
	}
	return 0, lessor.ErrNotFound
}

func (oneLease) TimeToLive(_ context.Context, id int64, _ bool) (*pb.LeaseTimeToLiveResponse, error) {
	if id != 5 {
		return nil, lessor.ErrNotFound
	}
	return &pb.LeaseTimeToLiveResponse{ID: 5, TTL: 10, GrantedTTL: 60}, nil
}

// harness is a server over a loop, and a connection to it.
type harness struct {
	*loop
	server  *Server
	conn    *grpc.ClientConn
	metrics *prometheus.Registry
}

// serve starts a server; adjust may change its configuration.
func serve(t *testing.T, adjust func(*config.Config)) *harness {
	t.Helper()
	store, err := storage.Open("state", storage.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	cluster := membership.New(9, 7, 1)
	users, err := auth.New(auth.Config{Token: "simple", BcryptCost: 4})
	require.NoError(t, err)
	h := &harness{
		loop:    &loop{store: store, cluster: cluster, users: users, applier: apply.New(apply.Config{Cluster: cluster, Auth: users})},
		metrics: prometheus.NewRegistry(),
	}
	h.leader.Store(7)
	cfg := config.Default()
	cfg.ElectionTimeout = 20 * time.Millisecond
	if adjust != nil {
		adjust(&cfg)
	}
	h.server, err = New(Options{
		Config: cfg, Replica: h.loop, Lessor: oneLease{}, Logger: slog.New(slog.DiscardHandler), Registerer: h.metrics,
	})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(l) }()
	h.conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	require.NoError(t, err)
	t.Cleanup(func() {
		h.conn.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h.server.Stop(ctx)
		if err := <-served; !errors.Is(err, grpc.ErrServerStopped) { // a short test may be over before it serves
			require.NoError(t, err)
		}
		require.NoError(t, store.Close())
	})
	return h
}

// setVersion decides the cluster version.
func (h *harness) setVersion(t *testing.T, v string) {
	t.Helper()
	_, err := semver.NewVersion(v)
	require.NoError(t, err)
	_, err = h.Propose(t.Context(), &pb.InternalRaftRequest{ClusterVersionSet: clusterVersionSet(v)})
	require.NoError(t, err)
}
