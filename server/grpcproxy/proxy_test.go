package grpcproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/servertest"
)

// proxied is a proxy before a cluster of one, and a client of it.
type proxied struct {
	*Proxy
	cluster *servertest.Cluster
	client  *clientv3.Client // by the proxy
	direct  *clientv3.Client // past it
	ctx     context.Context
}

// start runs a proxy with these options.
func start(t *testing.T, o Options) *proxied {
	t.Helper()
	c := servertest.Start(t, 1)
	return before(t, c, o)
}

// before runs a proxy before a cluster.
func before(t *testing.T, c *servertest.Cluster, o Options) *proxied {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o.Client = c.Client()
	o.Logger = slog.New(slog.DiscardHandler)
	o.MaxConcurrentStreams = math.MaxUint32
	o.MaxSendBytes = 2 << 20
	if o.ResolverPrefix != "" {
		o.AdvertiseURL = l.Addr().String()
	}
	p, err := New(c.Context(), o)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- p.GRPC().Serve(l) }()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{l.Addr().String()}, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Close()
		require.NoError(t, p.Close())
		require.NoError(t, <-served)
	})
	return &proxied{Proxy: p, cluster: c, client: client, direct: c.Client(), ctx: c.Context()}
}

func TestEveryServicePassesThrough(t *testing.T) {
	p := start(t, Options{})
	ctx := p.ctx
	put, err := p.client.Put(ctx, "a", "1")
	require.NoError(t, err)
	got, err := p.client.Get(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, "1", string(got.Kvs[0].Value))
	require.Equal(t, put.Header.Revision, got.Header.Revision)
	require.NotZero(t, got.Header.ClusterId)

	txn, err := p.client.Txn(ctx).If(clientv3.Compare(clientv3.Value("a"), "=", "1")).Then(clientv3.OpDelete("a")).Commit()
	require.NoError(t, err)
	require.True(t, txn.Succeeded)

	stream, err := p.client.GetStream(ctx, "", clientv3.WithFromKey())
	require.NoError(t, err)
	for r := range stream {
		require.NoError(t, r.Err())
	}

	session, err := concurrency.NewSession(p.client, concurrency.WithTTL(60))
	require.NoError(t, err)
	require.NoError(t, concurrency.NewMutex(session, "lock").Lock(ctx))
	ttl, err := p.client.TimeToLive(ctx, session.Lease(), clientv3.WithAttachedKeys())
	require.NoError(t, err)
	require.Len(t, ttl.Keys, 1)
	require.NoError(t, session.Close())

	members, err := p.client.MemberList(ctx)
	require.NoError(t, err)
	require.Len(t, members.Members, 1)
	require.NotEmpty(t, members.Members[0].PeerURLs, "without an advertised address the members are shown")
	_, err = p.client.Status(ctx, p.client.Endpoints()[0])
	require.NoError(t, err)
	snapshot, err := p.client.Snapshot(ctx)
	require.NoError(t, err)
	require.NoError(t, snapshot.Close())

	_, err = p.client.Put(ctx, "", "")
	require.ErrorIs(t, err, rpctypes.ErrEmptyKey)
	_, err = p.client.Get(ctx, "a", clientv3.WithRev(999))
	require.ErrorIs(t, err, rpctypes.ErrFutureRev)
	_, err = p.client.Put(ctx, "a", strings.Repeat("x", 1<<20+1<<19+512))
	require.ErrorIs(t, err, rpctypes.ErrRequestTooLarge)
}

// follow collects a watch's events, as "revision value", until there are n.
func follow(ctx context.Context, c clientv3.Watcher, key string, n int, opts ...clientv3.OpOption) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var got []string
	for resp := range c.Watch(ctx, key, opts...) {
		if err := resp.Err(); err != nil {
			return got, err
		}
		for _, e := range resp.Events {
			got = append(got, fmt.Sprint(e.Kv.ModRevision, " ", string(e.Kv.Value)))
		}
		if len(got) >= n {
			return got, nil
		}
	}
	return got, ctx.Err()
}

// created waits for the word that a watch is there.
func created(t *testing.T, ch clientv3.WatchChan) {
	t.Helper()
	resp := <-ch
	require.NoError(t, resp.Err())
	require.True(t, resp.Created)
}

// collect takes exactly n events of a watch, however they are divided.
func collect(t *testing.T, ch clientv3.WatchChan, n int) []*clientv3.Event {
	t.Helper()
	var got []*clientv3.Event
	for len(got) < n {
		resp, ok := <-ch
		require.True(t, ok)
		require.NoError(t, resp.Err())
		got = append(got, resp.Events...)
	}
	require.Len(t, got, n)
	return got
}

func TestWatchesOfOneKeyShareAWatch(t *testing.T) {
	p := start(t, Options{})
	const watchers, puts = 50, 20
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	var chans []clientv3.WatchChan
	for range watchers {
		ch := p.client.Watch(ctx, "k", clientv3.WithCreatedNotify())
		created(t, ch)
		chans = append(chans, ch)
	}
	var joined dto.Metric
	require.NoError(t, p.hub.metrics.watchersCoalesced.Write(&joined))
	require.InDelta(t, watchers-1, joined.GetCounter().GetValue(), 0)
	var want []string
	for i := range puts {
		r, err := p.direct.Put(p.ctx, "k", fmt.Sprint(i))
		require.NoError(t, err)
		want = append(want, fmt.Sprint(r.Header.Revision, " ", i))
	}
	for _, ch := range chans {
		var got []string
		for _, e := range collect(t, ch, puts) {
			got = append(got, fmt.Sprint(e.Kv.ModRevision, " ", string(e.Kv.Value)))
		}
		require.Equal(t, want, got)
	}
	cancel()
	p.cluster.Eventually(func() bool {
		p.hub.mu.Lock()
		defer p.hub.mu.Unlock()
		return len(p.hub.broadcasts) == 0
	}, "no watch is left once nobody watches")
}

// TestWatchesFromAnyRevision begins watches at random past revisions while keys
// are written: each gets every event from its start on, once and in order, and
// in the end they share one watch.
func TestWatchesFromAnyRevision(t *testing.T) {
	p := start(t, Options{})
	const puts, watchers = 300, 40
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var want []string // want[i] is of revision i+2
	write := func(i int) {
		r, err := p.direct.Put(p.ctx, "k", fmt.Sprint(i))
		require.NoError(t, err)
		require.Equal(t, int64(i+2), r.Header.Revision)
		want = append(want, fmt.Sprint(r.Header.Revision, " ", i))
	}
	for i := range puts / 2 {
		write(i)
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	type result struct {
		from int
		got  []string
		err  error
	}
	results := make(chan result, watchers)
	for range watchers {
		from := rnd.IntN(puts / 2)
		go func() {
			got, err := follow(ctx, p.client, "k", puts-from, clientv3.WithRev(int64(from+2)))
			results <- result{from, got, err}
		}()
	}
	for i := puts / 2; i < puts; i++ {
		write(i)
	}
	for range watchers {
		r := <-results
		require.NoError(t, r.err)
		require.Equal(t, want[r.from:], r.got)
	}
}

func TestWatchesCatchUpAndMerge(t *testing.T) {
	p := start(t, Options{})
	for i := range 10 {
		_, err := p.direct.Put(p.ctx, "k", fmt.Sprint(i))
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	now := p.client.Watch(ctx, "k", clientv3.WithCreatedNotify())
	created(t, now)
	old := p.client.Watch(ctx, "k", clientv3.WithRev(2))
	collect(t, old, 10)
	_, err := p.direct.Put(p.ctx, "k", "last")
	require.NoError(t, err)
	require.Equal(t, "last", string(collect(t, now, 1)[0].Kv.Value))
	require.Equal(t, "last", string(collect(t, old, 1)[0].Kv.Value))
	p.cluster.Eventually(func() bool {
		p.hub.mu.Lock()
		defer p.hub.mu.Unlock()
		for _, list := range p.hub.broadcasts {
			if len(list) != 1 || len(list[0].watchers) != 2 {
				return false
			}
		}
		return len(p.hub.broadcasts) == 1
	}, "the two share one watch")
}

func TestWatchOfCompactedHistory(t *testing.T) {
	p := start(t, Options{})
	for range 5 {
		_, err := p.direct.Put(p.ctx, "k", "")
		require.NoError(t, err)
	}
	_, err := p.direct.Compact(p.ctx, 4)
	require.NoError(t, err)
	resp := <-p.client.Watch(p.ctx, "k", clientv3.WithRev(2))
	require.ErrorIs(t, resp.Err(), rpctypes.ErrCompacted)
	require.Equal(t, int64(4), resp.CompactRevision)
}

func TestProgressOnRequest(t *testing.T) {
	p := start(t, Options{})
	ch := p.client.Watch(p.ctx, "k", clientv3.WithCreatedNotify())
	created(t, ch)
	r, err := p.direct.Put(p.ctx, "elsewhere", "")
	require.NoError(t, err)
	require.NoError(t, p.client.RequestProgress(p.ctx))
	resp := <-ch
	require.True(t, resp.IsProgressNotify())
	require.GreaterOrEqual(t, resp.Header.Revision, r.Header.Revision)
}

func TestStreamsOfBadRequests(t *testing.T) {
	p := start(t, Options{})
	stream, err := pb.NewWatchClient(p.client.ActiveConnection()).Watch(p.ctx)
	require.NoError(t, err)
	create := func(r *pb.WatchCreateRequest) *pb.WatchResponse {
		require.NoError(t, stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}}))
		resp, err := stream.Recv()
		require.NoError(t, err)
		return resp
	}
	require.NoError(t, stream.Send(&pb.WatchRequest{}), "a request of nothing is passed over")
	require.True(t, create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: -1}).Canceled)
	require.True(t, create(&pb.WatchCreateRequest{Key: []byte("k"), WatchId: 7}).Created)
	again := create(&pb.WatchCreateRequest{Key: []byte("k"), WatchId: 7})
	require.True(t, again.Canceled)
	require.Equal(t, int64(-1), again.WatchId)
	require.NoError(t, stream.CloseSend())
	_, err = stream.Recv()
	require.ErrorContains(t, err, "EOF")
}

func TestNamespace(t *testing.T) {
	p := start(t, Options{Namespace: "in/"})
	ctx := p.ctx
	for _, key := range []string{"a", "in", "in/", "in0", "z"} {
		_, err := p.direct.Put(ctx, key, "outside")
		require.NoError(t, err)
	}
	_, err := p.direct.Delete(ctx, "in/")
	require.NoError(t, err)
	lease, err := p.client.Grant(ctx, 600)
	require.NoError(t, err)
	watch := p.client.Watch(ctx, "", clientv3.WithFromKey(), clientv3.WithCreatedNotify(), clientv3.WithPrevKV())
	created(t, watch)
	_, err = p.client.Put(ctx, "k", "v", clientv3.WithLease(lease.ID))
	require.NoError(t, err)
	_, err = p.direct.Put(ctx, "other", "x", clientv3.WithLease(lease.ID))
	require.NoError(t, err)

	all, err := p.client.Get(ctx, "", clientv3.WithFromKey())
	require.NoError(t, err)
	require.Len(t, all.Kvs, 1)
	require.Equal(t, "k", string(all.Kvs[0].Key))
	stored, err := p.direct.Get(ctx, "in/k")
	require.NoError(t, err)
	require.Equal(t, "v", string(stored.Kvs[0].Value))
	ttl, err := p.client.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("k")}, ttl.Keys)

	deleted, err := p.client.Delete(ctx, "", clientv3.WithFromKey())
	require.NoError(t, err)
	require.Equal(t, int64(1), deleted.Deleted)
	seen := collect(t, watch, 2)
	require.Equal(t, "k", string(seen[0].Kv.Key))
	require.Equal(t, "k", string(seen[1].Kv.Key), "other is outside")
	require.Equal(t, "k", string(seen[1].PrevKv.Key))
	_, err = p.client.GetStream(ctx, "k")
	if err == nil {
		stream, serr := pb.NewKVClient(p.client.ActiveConnection()).RangeStream(ctx, &pb.RangeRequest{Key: []byte("k")})
		require.NoError(t, serr)
		_, err = stream.Recv()
	}
	require.Equal(t, codes.Unimplemented, status.Code(err), err)
}

func TestOrderingAndLeasing(t *testing.T) {
	p := start(t, Options{Ordering: true, LeasingPrefix: "leasing/", Namespace: "n/"})
	for i := range 3 {
		_, err := p.client.Put(p.ctx, "k", fmt.Sprint(i))
		require.NoError(t, err)
		got, err := p.client.Get(p.ctx, "k")
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), string(got.Kvs[0].Value))
	}
	owners, err := p.direct.Get(p.ctx, "n/leasing/", clientv3.WithPrefix())
	require.NoError(t, err)
	require.NotEmpty(t, owners.Kvs, "the key's owner is noted inside the namespace")
	txn, err := p.client.Txn(p.ctx).
		If(clientv3.Compare(clientv3.Value("k"), "=", "2")).
		Then(clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpPut("l", "1", clientv3.WithPrevKV())}, nil), clientv3.OpGet("k"), clientv3.OpDelete("m")).
		Commit()
	require.NoError(t, err)
	require.True(t, txn.Succeeded)
}

func TestProxiesListEachOther(t *testing.T) {
	c := servertest.Start(t, 1)
	a := before(t, c, Options{ResolverPrefix: "proxies", ResolverTTL: 60})
	b := before(t, c, Options{ResolverPrefix: "proxies", ResolverTTL: 60})
	want := append(append([]string(nil), a.client.Endpoints()...), b.client.Endpoints()...)
	for _, p := range []*proxied{a, b} {
		c.Eventually(func() bool {
			list, err := p.client.MemberList(p.ctx)
			require.NoError(t, err)
			var got []string
			for _, m := range list.Members {
				got = append(got, m.ClientURLs...)
			}
			return len(got) == 2 && (got[0] == want[0] || got[0] == want[1]) && got[0] != got[1]
		}, "both proxies in the list")
	}
}

func TestUsersAreToldToTheCluster(t *testing.T) {
	p := start(t, Options{})
	ctx := p.ctx
	for _, call := range []func() error{
		func() error { _, err := p.client.UserAdd(ctx, "root", "r"); return err },
		func() error { _, err := p.client.RoleAdd(ctx, "root"); return err },
		func() error { _, err := p.client.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := p.client.UserAdd(ctx, "u", "u"); return err },
		func() error { _, err := p.client.RoleAdd(ctx, "some"); return err },
		func() error {
			_, err := p.client.RoleGrantPermission(ctx, "some", "a", "", clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := p.client.UserGrantRole(ctx, "u", "some"); return err },
		func() error { _, err := p.client.AuthEnable(ctx); return err },
	} {
		require.NoError(t, call())
	}
	as := func(user string) *clientv3.Client {
		c, err := clientv3.New(clientv3.Config{Endpoints: p.client.Endpoints(), Username: user, Password: user[:1], Logger: zap.NewNop()})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	root, user := as("root"), as("u")
	rootWatch := root.Watch(ctx, "b", clientv3.WithCreatedNotify())
	created(t, rootWatch)
	denied := <-user.Watch(ctx, "b")
	require.ErrorContains(t, denied.Err(), "permission denied", "what root watches is not shared with everybody")
	_, err := user.Put(ctx, "a", "")
	require.NoError(t, err)
	_, err = user.Put(ctx, "b", "")
	require.ErrorIs(t, err, rpctypes.ErrPermissionDenied)
	_, err = p.client.Put(ctx, "a", "")
	require.ErrorIs(t, err, rpctypes.ErrUserEmpty)
	_, err = root.AuthDisable(ctx)
	require.NoError(t, err)
}

func TestPages(t *testing.T) {
	p := start(t, Options{EnablePprof: true})
	pages := httptest.NewServer(p.Handler())
	defer pages.Close()
	for _, path := range []string{"/health", "/proxy/health"} {
		resp, err := pages.Client().Get(pages.URL + path)
		require.NoError(t, err)
		var h health
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&h))
		require.NoError(t, resp.Body.Close())
		require.Equal(t, health{Health: "true"}, h)
	}
	for _, path := range []string{"/metrics", "/proxy/metrics", "/debug/pprof/"} {
		resp, err := pages.Client().Get(pages.URL + path)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		require.NoError(t, resp.Body.Close())
	}
}

func TestAClientThatDoesNotReadDelaysNobody(t *testing.T) {
	w := &watchStream{wake: make(chan struct{}, 1), watches: map[int64]*watcher{}}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range queueMax {
				w.send(&pb.WatchResponse{})
			}
		})
	}
	wg.Wait()
	batch, err := w.take()
	require.Empty(t, batch)
	require.Equal(t, codes.Unavailable, status.Code(err), "the client library resumes after that")
}
