package api

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/storage/watch"
)

// noWatch is the id in responses about no single watch.
const noWatch = -1

// watchState is one watch of a stream.
type watchState struct {
	id       int64 // the client's name for it
	key      int64 // ours, never used twice in a stream
	fragment bool

	// progress asks for notifications; quiet says that no event was sent
	// since the last one was due.
	progress, quiet bool
	// ended: its history was compacted. As in etcd its id stays taken until
	// the client cancels it.
	ended bool
}

// watchStream is the state of one Watch call.
type watchStream struct {
	*Server
	ctx   context.Context // of the stream, with the caller's token
	send  func(*pb.WatchResponse) error
	group *watch.Group

	// mu orders everything that is sent: a watch is registered and announced,
	// or canceled and announced, without a delivery in between (I3). It also
	// guards what follows.
	mu      sync.Mutex
	byID    map[int64]*watchState
	byKey   map[int64]*watchState
	nextID  int64 // first candidate when the client leaves the id to us
	lastKey int64
	timer   *time.Timer // runs once a watch asked for progress
	closed  bool
}

// handle answers one request of the client. A request of no known kind is
// passed over.
func (w *watchStream) handle(r *pb.WatchRequest) error {
	switch u := r.GetRequestUnion().(type) {
	case *pb.WatchRequest_CreateRequest:
		if u.CreateRequest != nil {
			return w.create(u.CreateRequest)
		}
	case *pb.WatchRequest_CancelRequest:
		if u.CancelRequest != nil {
			return w.cancel(u.CancelRequest.WatchId)
		}
	case *pb.WatchRequest_ProgressRequest:
		w.group.RequestProgress(watch.AllWatches)
	}
	return nil
}

// create registers a watch and announces it. A refusal is announced too, with
// Created and Canceled both set, under the id of no watch.
func (w *watchStream) create(r *pb.WatchCreateRequest) error {
	key := r.Key
	if len(key) == 0 {
		key = []byte{0} // the smallest key
	}
	// Before the lock: a token that is not known yet is waited for.
	allowed, denied := w.permit(key, r.RangeEnd)
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.StartRevision < 0 {
		return w.refuse(rpctypes.ErrCompacted)
	}
	if denied != nil {
		return w.refuse(denied)
	}
	id, err := w.pickID(key, r)
	if err != nil {
		return w.refuse(err)
	}
	w.lastKey++
	st := &watchState{id: id, key: w.lastKey, fragment: r.Fragment, progress: r.ProgressNotify, quiet: true}
	o := watch.Options{PrevKV: r.PrevKv}
	for _, f := range r.Filters {
		switch f {
		case pb.WatchCreateRequest_NOPUT:
			o.NoPut = true
		case pb.WatchCreateRequest_NODELETE:
			o.NoDelete = true
		}
	}
	revision, err := w.group.Watch(st.key, key, r.RangeEnd, r.StartRevision, o)
	if err != nil {
		return w.refuse(err)
	}
	// A watch that begins after the permission was taken away must not be.
	if !w.unchanged(allowed) {
		if _, denied := w.permit(key, r.RangeEnd); denied != nil {
			w.group.Cancel(st.key)
			return w.refuse(denied)
		}
	}
	w.byID[st.id], w.byKey[st.key] = st, st
	if st.progress && w.timer == nil && !w.closed {
		w.timer = time.AfterFunc(w.progressInterval(), w.progressDue)
	}
	return w.send(&pb.WatchResponse{Header: w.headerAt(revision), WatchId: st.id, Created: true})
}

// permit refuses a watch on what its stream's caller may not read. The range
// is checked as it was asked for: "\x00" is every key from the first on
// (CVE-2026-73499). It returns the view for which the answer holds.
func (w *watchStream) permit(key, end []byte) (passed *auth.View, denied error) {
	passed, err := w.allowed(w.ctx, reads(key, end))
	if err == nil {
		return passed, nil
	}
	for _, told := range []error{auth.ErrInvalidToken, auth.ErrOldRevision, auth.ErrUserEmpty} {
		if errors.Is(err, told) {
			return nil, wire(told)
		}
	}
	return nil, rpctypes.ErrGRPCPermissionDenied
}

// pickID chooses the watch's id: the client's, or the first free one when the
// client gave 0. The range is checked first, as in etcd, so that a refused
// request uses up no id.
func (w *watchStream) pickID(key []byte, r *pb.WatchCreateRequest) (int64, error) {
	fromKey := len(r.RangeEnd) == 1 && r.RangeEnd[0] == 0
	if len(r.RangeEnd) != 0 && !fromKey && bytes.Compare(key, r.RangeEnd) >= 0 {
		return 0, watch.ErrEmptyRange
	}
	if r.WatchId != 0 {
		if w.byID[r.WatchId] != nil {
			return 0, watch.ErrDuplicateID
		}
		return r.WatchId, nil
	}
	for w.byID[w.nextID] != nil {
		w.nextID++
	}
	w.nextID++
	return w.nextID - 1, nil
}

// refuse announces a watch that does not come to be.
func (w *watchStream) refuse(reason error) error {
	return w.send(&pb.WatchResponse{
		Header:       w.header(),
		WatchId:      noWatch,
		Created:      true,
		Canceled:     true,
		CancelReason: reason.Error(),
	})
}

// cancel ends a watch and announces it. An unknown id is passed over.
func (w *watchStream) cancel(id int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := w.byID[id]
	if st == nil {
		return nil
	}
	w.group.Cancel(st.key)
	delete(w.byID, st.id)
	delete(w.byKey, st.key)
	return w.send(&pb.WatchResponse{Header: w.header(), WatchId: id, Canceled: true})
}

// sendDelivery sends what the group gave, unless its watch was canceled in
// the meantime.
func (w *watchStream) sendDelivery(d *watch.Delivery) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	resp := &pb.WatchResponse{
		Header:          w.headerAt(d.Revision),
		WatchId:         noWatch,
		Events:          d.Events,
		CompactRevision: d.CompactRevision,
		Canceled:        d.CompactRevision != 0,
	}
	if d.ID == watch.AllWatches {
		return w.send(resp)
	}
	st := w.byKey[d.ID]
	if st == nil {
		return nil
	}
	resp.WatchId = st.id
	if resp.Canceled {
		resp.Header.Revision = 0 // as etcd sends it
		st.ended = true
		delete(w.byKey, st.key)
	}
	if len(d.Events) > 0 {
		st.quiet = false
	}
	if st.fragment {
		return sendFragments(resp, w.requestBytesMax+requestOverhead, w.send)
	}
	return w.send(resp)
}

// progressDue asks for a notification of every watch that wants them and was
// sent nothing for an interval.
func (w *watchStream) progressDue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	for _, st := range w.byKey {
		if st.progress && st.quiet {
			w.group.RequestProgress(st.key)
		}
		st.quiet = true
	}
	w.timer.Reset(w.progressInterval())
}

// headerAt is a header at a given revision.
func (w *watchStream) headerAt(revision int64) *pb.ResponseHeader {
	h := &pb.ResponseHeader{Revision: revision}
	w.fillIDs(h)
	return h
}

// jitter is a random duration below max.
func (w *watchStream) jitter(max time.Duration) time.Duration {
	if max <= 0 {
		return 0
	}
	return rand.N(max)
}

// close ends the timer.
func (w *watchStream) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
