package grpcproxy

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// queueMax is how many answers wait for a client that does not read before its
// stream is ended. The client library then resumes where it was.
const queueMax = 16384

var errSlowReader = status.Error(codes.Unavailable, "grpcproxy: the client reads its watches too slowly")

// watchService is etcdserverpb.Watch over the hub.
type watchService struct {
	pb.UnimplementedWatchServer
	hub *hub
}

// watchStream is one client's stream: a receiver, and the handler, which sends
// what is queued.
type watchStream struct {
	hub *hub
	ctx context.Context

	mu       sync.Mutex
	queue    []*pb.WatchResponse
	err      error // ends the stream once the queue is sent
	wake     chan struct{}
	watches  map[int64]*watcher
	lastID   int64
	awaited  map[*watcher]struct{} // whose progress a request waits for; nil: there is none
	progress int64                 // the least revision they have told since
}

// Watch serves a stream.
func (s *watchService) Watch(ss pb.Watch_WatchServer) error {
	w := &watchStream{hub: s.hub, ctx: ss.Context(), wake: make(chan struct{}, 1), watches: map[int64]*watcher{}, lastID: -1}
	defer w.close()
	go w.receive(ss)
	for {
		batch, err := w.take()
		for _, resp := range batch {
			if serr := ss.Send(resp); serr != nil {
				return serr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil // the client has no more requests
		}
		if err != nil {
			return err
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-w.wake:
		case <-w.ctx.Done():
			return w.ctx.Err()
		case <-s.hub.ctx.Done():
			return rpctypes.ErrGRPCStopped
		}
	}
}

// take empties the queue. The error ends the stream.
func (w *watchStream) take() ([]*pb.WatchResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch := w.queue
	w.queue = nil
	return batch, w.err
}

// send queues an answer.
func (w *watchStream) send(resp *pb.WatchResponse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queueLocked(resp)
}

func (w *watchStream) queueLocked(resp *pb.WatchResponse) {
	switch {
	case w.err != nil:
		return
	case len(w.queue) >= queueMax:
		w.err, w.queue = errSlowReader, nil
	default:
		w.queue = append(w.queue, resp)
	}
	w.signal()
}

// signal wakes the handler.
func (w *watchStream) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// fail ends the stream after what is queued.
func (w *watchStream) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.signal()
}

// close ends what the stream watches.
func (w *watchStream) close() {
	w.mu.Lock()
	watches := w.watches
	w.watches = nil
	w.mu.Unlock()
	for _, each := range watches {
		w.hub.remove(each)
	}
}

// receive handles requests until the client has no more or the stream ends.
func (w *watchStream) receive(ss grpc.ServerStream) {
	for {
		req := &pb.WatchRequest{}
		if err := ss.RecvMsg(req); err != nil {
			w.fail(io.EOF)
			return
		}
		switch r := req.GetRequestUnion().(type) {
		case *pb.WatchRequest_CreateRequest:
			w.create(r.CreateRequest)
		case *pb.WatchRequest_CancelRequest:
			w.cancel(r.CancelRequest.GetWatchId())
		case *pb.WatchRequest_ProgressRequest:
			w.askProgress()
		}
	}
}

// create starts a watch.
func (w *watchStream) create(r *pb.WatchCreateRequest) {
	if r == nil {
		return
	}
	each, err := w.newWatcher(r)
	if err != nil {
		w.send(refused(-1, err))
		return
	}
	err = w.hub.add(w.ctx, each, r.GetStartRevision(), func(h *pb.ResponseHeader) {
		w.send(&pb.WatchResponse{Header: h, WatchId: each.id, Created: true})
	})
	if err != nil {
		w.mu.Lock()
		delete(w.watches, each.id)
		w.mu.Unlock()
		switch status.Code(err) {
		case codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument:
			w.send(refused(each.id, err))
		default:
			w.fail(err)
		}
		return
	}
	w.mu.Lock()
	ended := w.watches == nil
	w.mu.Unlock()
	if ended {
		w.hub.remove(each)
	}
}

// newWatcher gives a watch its id.
func (w *watchStream) newWatcher(r *pb.WatchCreateRequest) (*watcher, error) {
	if r.GetStartRevision() < 0 {
		return nil, rpctypes.ErrGRPCFutureRev
	}
	key, end := inside(w.hub.namespace, r.GetKey(), r.GetRangeEnd())
	each := &watcher{stream: w, progress: r.GetProgressNotify(), subject: subject{
		key: string(key), end: string(end), prevKV: r.GetPrevKv(),
		token: first(w.ctx, "token"), authorization: first(w.ctx, "authorization"),
		requireLeader: first(w.ctx, rpctypes.MetadataRequireLeaderKey) == rpctypes.MetadataHasLeader,
	}}
	for _, f := range r.GetFilters() {
		switch f {
		case pb.WatchCreateRequest_NOPUT:
			each.subject.noPut = true
		case pb.WatchCreateRequest_NODELETE:
			each.subject.noDel = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	each.id = r.GetWatchId()
	if each.id == clientv3.AutoWatchID {
		for w.lastID++; w.watches[w.lastID] != nil; w.lastID++ {
		}
		each.id = w.lastID
	}
	if w.watches[each.id] != nil {
		return nil, errDuplicateID
	}
	if w.watches == nil {
		return nil, rpctypes.ErrGRPCStopped
	}
	w.watches[each.id] = each
	return each, nil
}

var errDuplicateID = status.Error(codes.InvalidArgument, "mvcc: duplicate watch ID provided on the WatchStream")

// refused is the answer to a watch that cannot be.
func refused(id int64, err error) *pb.WatchResponse {
	return &pb.WatchResponse{
		Header: &pb.ResponseHeader{}, WatchId: id, Created: true, Canceled: true,
		CancelReason: status.Convert(err).Message(),
	}
}

// cancel ends a watch that the client wants no more.
func (w *watchStream) cancel(id int64) {
	w.mu.Lock()
	each := w.watches[id]
	delete(w.watches, id)
	w.mu.Unlock()
	if each == nil {
		return
	}
	w.hub.remove(each)
	w.send(&pb.WatchResponse{Header: &pb.ResponseHeader{}, WatchId: id, Canceled: true})
	w.reached(each, math.MaxInt64)
}

// canceled forwards the end of a watch that the cluster ended.
func (w *watchStream) canceled(each *watcher, resp *pb.WatchResponse) {
	w.mu.Lock()
	delete(w.watches, each.id)
	w.queueLocked(resp)
	w.mu.Unlock()
	w.reached(each, math.MaxInt64)
}

// askProgress begins to wait for all watches of the stream to tell how far
// they are.
func (w *watchStream) askProgress() {
	w.mu.Lock()
	w.awaited, w.progress = map[*watcher]struct{}{}, math.MaxInt64
	for _, each := range w.watches {
		w.awaited[each] = struct{}{}
	}
	none := len(w.awaited) == 0
	w.mu.Unlock()
	if none {
		return // a stream without a watch has nothing to tell
	}
	if err := w.hub.askProgress(w.ctx); err != nil {
		w.fail(err)
	}
}

// reached records that a watch has got everything up to a revision, and answers
// a progress request once all have told.
func (w *watchStream) reached(each *watcher, revision int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.awaited[each]; !ok {
		return
	}
	delete(w.awaited, each)
	w.progress = min(w.progress, revision)
	if len(w.awaited) > 0 {
		return
	}
	w.awaited = nil
	if w.progress < math.MaxInt64 {
		w.queueLocked(&pb.WatchResponse{Header: &pb.ResponseHeader{Revision: w.progress}, WatchId: clientv3.InvalidWatchID})
	}
}

// first is a metadata value that a call came with.
func first(ctx context.Context, key string) string {
	if v := metadata.ValueFromIncomingContext(ctx, key); len(v) > 0 {
		return v[0]
	}
	return ""
}
