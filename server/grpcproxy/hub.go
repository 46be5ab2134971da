package grpcproxy

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"
)

// hub keeps the watches of the cluster. A watch that begins in the past has
// one of its own until that has caught up with a shared one.
type hub struct {
	ctx       context.Context // the proxy's
	watches   clientv3.Watcher
	kv        pb.KVClient
	namespace string
	metrics   *metrics
	logger    *slog.Logger

	mu         sync.Mutex
	broadcasts map[subject][]*broadcast
	running    sync.WaitGroup
}

// add starts w at a revision; 0 means now. It returns the store's revision, for
// the answer that says the watch is there: send is called with it before the
// first event can be.
func (h *hub) add(ctx context.Context, w *watcher, start int64, created func(*pb.ResponseHeader)) error {
	header, err := h.ask(ctx, w.subject)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	created(header)
	w.next = start
	if start == 0 {
		w.next = header.GetRevision() + 1
	}
	for _, b := range h.broadcasts[w.subject] {
		if b.next <= w.next {
			b.watchers[w], w.on = struct{}{}, b
			h.metrics.watchersCoalesced.Inc()
			return nil
		}
	}
	h.start(ctx, w)
	return nil
}

// ask reads one key of the range in the caller's name: whether the caller may,
// whether there is a quorum, and which revision is the present one.
func (h *hub) ask(ctx context.Context, s subject) (*pb.ResponseHeader, error) {
	key := []byte(s.key)
	if len(key) == 0 {
		key = []byte{0} // the first key there can be, as a watch reads it
	}
	resp, err := h.kv.Range(outgoing(ctx), &pb.RangeRequest{Key: key, RangeEnd: []byte(s.end), Limit: 1, KeysOnly: true})
	if err != nil {
		return nil, err
	}
	return resp.Header, nil
}

// start opens a watch of the cluster for w alone; others may join it. The lock
// is held.
func (h *hub) start(caller context.Context, w *watcher) {
	md, _ := metadata.FromOutgoingContext(outgoing(caller))
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(h.ctx, md))
	b := &broadcast{subject: w.subject, next: w.next, watchers: map[*watcher]struct{}{w: {}}, cancel: cancel}
	w.on = b
	h.broadcasts[w.subject] = append(h.broadcasts[w.subject], b)
	opts := []clientv3.OpOption{clientv3.WithRev(b.next), clientv3.WithProgressNotify()}
	s := &b.subject
	if s.end != "" {
		opts = append(opts, clientv3.WithRange(s.end))
	}
	if s.prevKV {
		opts = append(opts, clientv3.WithPrevKV())
	}
	if s.noPut {
		opts = append(opts, clientv3.WithFilterPut())
	}
	if s.noDel {
		opts = append(opts, clientv3.WithFilterDelete())
	}
	h.running.Go(func() { h.run(b, h.watches.Watch(ctx, s.key, opts...)) })
}

// run hands on what a watch of the cluster brings, until it ends.
func (h *hub) run(b *broadcast, answers clientv3.WatchChan) {
	defer b.cancel()
	for resp := range answers {
		if err := resp.Err(); err != nil {
			h.end(b, &resp, err)
			return
		}
		h.mu.Lock()
		if n := len(b.watchers); n > 1 {
			h.metrics.eventsCoalesced.Add(float64((n - 1) * len(resp.Events)))
		}
		b.deliver(&resp, len(h.namespace))
		h.merge(b)
		h.mu.Unlock()
	}
	h.end(b, nil, rpctypes.ErrGRPCNoLeader)
}

// merge moves everybody to another watch of the cluster that is not ahead of
// this one, if there is one. The lock is held.
func (h *hub) merge(b *broadcast) {
	for _, other := range h.broadcasts[b.subject] {
		if other == b || other.next > b.next {
			continue
		}
		for w := range b.watchers {
			w.next = max(w.next, b.next) // what the other is still to bring, w may have
			other.watchers[w], w.on = struct{}{}, other
		}
		clear(b.watchers)
		h.drop(b)
		return
	}
}

// end tells everybody that the cluster ended the watch, and why.
func (h *hub) end(b *broadcast, resp *clientv3.WatchResponse, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range b.watchers {
		if errors.Is(err, rpctypes.ErrNoLeader) || resp == nil {
			w.stream.fail(rpctypes.ErrGRPCNoLeader) // the client begins anew, here or elsewhere
			continue
		}
		reason := err.Error()
		w.stream.canceled(w, &pb.WatchResponse{
			Header: resp.Header, WatchId: w.id, Canceled: true, CompactRevision: resp.CompactRevision, CancelReason: reason,
		})
	}
	clear(b.watchers)
	h.drop(b)
}

// remove ends a client's watch.
func (h *hub) remove(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := w.on
	if b == nil {
		return
	}
	w.on = nil
	delete(b.watchers, w)
	if len(b.watchers) == 0 {
		h.drop(b)
	}
}

// drop ends a watch of the cluster that nobody shares any more. The lock is
// held.
func (h *hub) drop(b *broadcast) {
	b.cancel()
	list := h.broadcasts[b.subject]
	for i, other := range list {
		if other == b {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(h.broadcasts, b.subject)
		return
	}
	h.broadcasts[b.subject] = list
}

// askProgress makes the cluster tell how far the caller's watches are.
func (h *hub) askProgress(caller context.Context) error {
	md, _ := metadata.FromOutgoingContext(outgoing(caller))
	return h.watches.RequestProgress(metadata.NewOutgoingContext(h.ctx, md))
}
