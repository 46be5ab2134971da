package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// watchStream is one Watch call as it is on the wire. Responses arrive through
// a goroutine, so that a case can also assert that none comes.
type watchStream struct {
	stream    pb.Watch_WatchClient
	responses chan *pb.WatchResponse
	failed    chan error // holds the stream's end
	cancel    context.CancelFunc
	ctx       context.Context
}

func (e *env) watchStream(t *testing.T) *watchStream {
	t.Helper()
	return openWatchStream(t, e.ctx, e.watch)
}

func openWatchStream(t *testing.T, parent context.Context, c pb.WatchClient) *watchStream {
	t.Helper()
	ctx, cancel := context.WithCancel(parent)
	t.Cleanup(cancel)
	stream, err := c.Watch(ctx)
	require.NoError(t, err)
	w := &watchStream{stream: stream, responses: make(chan *pb.WatchResponse, 1024), failed: make(chan error, 1), cancel: cancel, ctx: ctx}
	go func() {
		for {
			resp, err := stream.Recv()
			if err != nil {
				w.failed <- err
				return
			}
			select {
			case w.responses <- resp:
			case <-ctx.Done():
				return
			}
		}
	}()
	return w
}

func (w *watchStream) send(t *testing.T, r *pb.WatchRequest) {
	t.Helper()
	require.NoError(t, w.stream.Send(r))
}

// create asks for a watch and returns the answer, which must be the next
// response.
func (w *watchStream) create(t *testing.T, r *pb.WatchCreateRequest) *pb.WatchResponse {
	t.Helper()
	w.ask(t, r)
	resp := w.next(t)
	require.True(t, resp.Created, "%v", resp)
	return resp
}

func (w *watchStream) ask(t *testing.T, r *pb.WatchCreateRequest) {
	t.Helper()
	w.send(t, &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}})
}

func (w *watchStream) cancelWatch(t *testing.T, id int64) {
	t.Helper()
	w.send(t, &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}})
}

func (w *watchStream) requestProgress(t *testing.T) {
	t.Helper()
	w.send(t, &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
}

// next waits for the next response.
func (w *watchStream) next(t *testing.T) *pb.WatchResponse {
	t.Helper()
	select {
	case resp := <-w.responses:
		return resp
	case err := <-w.failed:
		require.NoError(t, err, "watch stream ended")
	case <-w.ctx.Done():
		require.FailNow(t, "no watch response")
	}
	return nil
}

// events collects n events, over as many responses as they come in; every
// response must be for watch id.
func (w *watchStream) events(t *testing.T, id int64, n int) []*mvccpb.Event {
	t.Helper()
	var events []*mvccpb.Event
	for len(events) < n {
		resp := w.next(t)
		require.Equal(t, id, resp.WatchId, "%v", resp)
		require.False(t, resp.Canceled, "%v", resp)
		events = append(events, resp.Events...)
	}
	require.Len(t, events, n)
	return events
}

// quiet checks that nothing comes for a while. It cannot prove an absence, but
// a response that should not be is sent at once by a server that is wrong.
func (w *watchStream) quiet(t *testing.T) {
	t.Helper()
	select {
	case resp := <-w.responses:
		require.FailNow(t, "unexpected watch response", "%v", resp)
	case <-time.After(150 * time.Millisecond):
	}
}

// described renders events shortly: "PUT a=1", "DELETE a".
func (e *env) described(events []*mvccpb.Event) []string {
	out := []string{}
	for _, ev := range events {
		s := ev.Type.String() + " " + string(ev.Kv.Key[len(e.prefix):])
		if ev.Type == mvccpb.Event_PUT {
			s += "=" + string(ev.Kv.Value)
		}
		out = append(out, s)
	}
	return out
}
