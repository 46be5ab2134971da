package api

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/metadata"

	"github.com/petcd/petcd/server/config"
)

// createRequest and its siblings are the requests of a watch stream.
func createRequest(r *pb.WatchCreateRequest) *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}}
}

func cancelRequest(id int64) *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}}
}

func progressRequest() *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}
}

// watcher is one watch stream of a test.
type watcher struct {
	t *testing.T
	pb.Watch_WatchClient
}

func (h *harness) watch(t *testing.T) watcher {
	t.Helper()
	w, err := pb.NewWatchClient(h.conn).Watch(t.Context())
	require.NoError(t, err)
	return watcher{t, w}
}

// ask sends a request and returns the next response.
func (w watcher) ask(r *pb.WatchRequest) *pb.WatchResponse {
	w.t.Helper()
	require.NoError(w.t, w.Send(r))
	return w.next()
}

func (w watcher) next() *pb.WatchResponse {
	w.t.Helper()
	resp, err := w.Recv()
	require.NoError(w.t, err)
	return resp
}

func TestWatchIDs(t *testing.T) {
	h := serve(t, nil)
	h.put(t, "k", "v")
	w := h.watch(t)
	for i, tc := range []struct {
		asked, got int64
		reason     string
	}{
		{asked: 0, got: 0},
		{asked: 0, got: 1},
		{asked: 2, got: 2},
		{asked: 0, got: 3},
		{asked: 3, got: -1, reason: "mvcc: duplicate watch ID provided on the WatchStream"},
		{asked: -7, got: -7},
		{asked: 0, got: 4},
	} {
		resp := w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), WatchId: tc.asked}))
		require.True(t, resp.Created, i)
		require.Equal(t, tc.got, resp.WatchId, i)
		require.Equal(t, tc.reason, resp.CancelReason, i)
		require.Equal(t, tc.reason != "", resp.Canceled, i)
		require.Equal(t, int64(2), resp.Header.Revision)
		require.Equal(t, uint64(9), resp.Header.ClusterId)
	}
}

func TestWatchRefusals(t *testing.T) {
	h := serve(t, nil)
	w := h.watch(t)
	for _, tc := range []struct {
		req    *pb.WatchCreateRequest
		reason string
	}{
		{&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: -1}, "etcdserver: mvcc: required revision has been compacted"},
		{&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("a")}, "mvcc: watcher range is empty"},
		{&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("k")}, "mvcc: watcher range is empty"},
	} {
		resp := w.ask(createRequest(tc.req))
		require.True(t, resp.Created && resp.Canceled)
		require.Equal(t, int64(-1), resp.WatchId)
		require.Equal(t, tc.reason, resp.CancelReason)
	}
	require.NoError(t, w.Send(&pb.WatchRequest{}))
	require.NoError(t, w.Send(cancelRequest(42)))
	require.NoError(t, w.Send(progressRequest()))
	resp := w.ask(createRequest(&pb.WatchCreateRequest{Filters: []pb.WatchCreateRequest_FilterType{99}, RangeEnd: []byte{0}}))
	require.True(t, resp.Created, "what cannot be answered is passed over: empty request, unknown id, progress of no watch")
	require.Zero(t, resp.WatchId, "a refused watch uses up no id")
}

func TestWatchEventsFollowCreated(t *testing.T) {
	h := serve(t, nil)
	for i := range 5 {
		h.put(t, fmt.Sprint("k", i), "v")
	}
	w := h.watch(t)
	require.NoError(t, w.Send(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), StartRevision: 1, PrevKv: true})))
	require.True(t, w.next().Created)
	var got []int64
	for len(got) < 5 {
		resp := w.next()
		require.False(t, resp.Created)
		for _, ev := range resp.Events {
			got = append(got, ev.Kv.ModRevision)
		}
	}
	require.Equal(t, []int64{2, 3, 4, 5, 6}, got)
	h.put(t, "k0", "w")
	resp := w.next()
	require.Equal(t, "v", string(resp.Events[0].PrevKv.Value))
	require.Equal(t, int64(7), resp.Header.Revision)

	resp = w.ask(cancelRequest(0))
	require.True(t, resp.Canceled)
	require.False(t, resp.Created)
	require.Empty(t, resp.CancelReason)
	h.put(t, "k0", "x")
	resp = w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("z"), WatchId: 0}))
	require.True(t, resp.Created, "nothing is sent for a watch after its end")
	require.Equal(t, int64(1), resp.WatchId)
}

func TestWatchOfCompactedHistory(t *testing.T) {
	h := serve(t, nil)
	for range 4 {
		h.put(t, "k", "v")
	}
	_, err := pb.NewKVClient(h.conn).Compact(t.Context(), &pb.CompactionRequest{Revision: 4, Physical: true})
	require.NoError(t, err)
	w := h.watch(t)
	resp := w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 2}))
	require.True(t, resp.Created)
	require.False(t, resp.Canceled)
	resp = w.next()
	require.True(t, resp.Canceled)
	require.Equal(t, int64(4), resp.CompactRevision)
	require.Zero(t, resp.Header.Revision)
	require.Empty(t, resp.CancelReason)
	resp = w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), WatchId: 0}))
	require.Equal(t, int64(1), resp.WatchId)
	require.True(t, w.ask(cancelRequest(0)).Canceled, "the client's own cancel is still answered")
}

func TestWatchFragments(t *testing.T) {
	h := serve(t, func(c *config.Config) { c.MaxRequestBytes = 1000 })
	ops := make([]*pb.RequestOp, 3)
	for i := range ops {
		ops[i] = &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{
			Key: []byte(fmt.Sprint("k", i)), Value: bytes.Repeat([]byte("v"), requestOverhead/2+1000)}}}
	}
	w := h.watch(t)
	w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), Fragment: true}))
	w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l")}))
	_, err := h.Propose(t.Context(), &pb.InternalRaftRequest{Txn: &pb.TxnRequest{Success: ops}})
	require.NoError(t, err)
	parts := map[int64][]int{}
	for len(parts[0]) < 3 || len(parts[1]) < 1 {
		resp := w.next()
		parts[resp.WatchId] = append(parts[resp.WatchId], len(resp.Events))
		require.Equal(t, resp.WatchId == 0 && len(parts[0]) < 3, resp.Fragment)
	}
	require.Equal(t, map[int64][]int{0: {1, 1, 1}, 1: {3}}, parts)
}

func TestWatchProgressOnRequest(t *testing.T) {
	h := serve(t, nil)
	h.put(t, "k", "v")
	w := h.watch(t)
	w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k")}))
	w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("x")}))
	h.put(t, "y", "v")
	resp := w.ask(progressRequest())
	require.Equal(t, int64(-1), resp.WatchId)
	require.Equal(t, int64(3), resp.Header.Revision)
	require.Empty(t, resp.Events)
	require.False(t, resp.Created || resp.Canceled)

	h.put(t, "k", "w")
	require.NoError(t, w.Send(progressRequest()))
	require.Len(t, w.next().Events, 1, "events come before the progress that counts them")
	require.Equal(t, int64(-1), w.next().WatchId)
}

func TestWatchProgressByInterval(t *testing.T) {
	h := serve(t, func(c *config.Config) { c.WatchProgressNotifyInterval = 10 * time.Millisecond })
	w := h.watch(t)
	w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), ProgressNotify: true, WatchId: 5}))
	w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), WatchId: 6}))
	for range 3 {
		resp := w.next()
		require.Equal(t, int64(5), resp.WatchId, "only who asked for it is notified")
		require.Empty(t, resp.Events)
		require.Equal(t, int64(1), resp.Header.Revision)
	}
}

func TestWatchGoesOnAfterHalfClose(t *testing.T) {
	h := serve(t, nil)
	w := h.watch(t)
	w.ask(createRequest(&pb.WatchCreateRequest{Key: []byte("k")}))
	require.NoError(t, w.CloseSend())
	h.put(t, "k", "v")
	require.Len(t, w.next().Events, 1)
}

// TestLeaderlessStreamEndsThoughItsClientDoesNotRead asks for so much that the answers fill what the connection holds.
func TestLeaderlessStreamEndsThoughItsClientDoesNotRead(t *testing.T) {
	h := serve(t, nil)
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader))
	w, err := pb.NewWatchClient(h.conn).Watch(ctx)
	require.NoError(t, err)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for range 10000 {
			if w.Send(createRequest(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: -1})) != nil {
				return
			}
		}
	}()
	require.Eventually(t, func() bool { return h.count(t, "grpc_server_msg_sent_total", "Watch") > 500 }, 10*time.Second, time.Millisecond)
	h.leader.Store(0)
	require.Eventually(t, func() bool { return h.count(t, "grpc_server_handled_total", "Watch") == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	<-asked
}

// count is the sum of a counter over the series of one gRPC method.
func (h *harness) count(t *testing.T, name, method string) (sum float64) {
	t.Helper()
	families, err := h.metrics.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "grpc_method" && l.GetValue() == method {
					sum += m.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}
