package robustness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// watchLife bounds a session while members fail: a watch of a cut-off member stays silent, and no
// watch on a live one should last an epoch without moving.
const watchLife = 2 * time.Second

// watcher follows an epoch's keys, on a new member whenever its stream breaks, each time from where
// it got to or from somewhere before.
type watcher struct {
	conns   []*grpc.ClientConn
	rng     *rand.Rand
	session Session // what every session of this watcher has in common
	first   int64   // revision before the epoch

	mu       sync.Mutex
	sessions []*Session
	last     int64 // newest revision that the watcher knows everything up to
}

// newWatcher makes the i-th watcher of an epoch; they differ in what they ask for.
func newWatcher(i int, conns []*grpc.ClientConn, prefix string, first int64, seed uint64) *watcher {
	w := &watcher{conns: conns, rng: rand.New(rand.NewPCG(seed, uint64(1000+i))), first: first, last: first}
	w.session = Session{From: prefix, To: endOf(prefix), PrevKV: i%2 == 0}
	switch i % 4 {
	case 2:
		w.session.NoPut = true
	case 3:
		w.session.NoDelete = true
	}
	return w
}

// endOf is the end of the range of keys that begin with the prefix, which ends in a plain letter.
func endOf(prefix string) string {
	return prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
}

// run keeps watching until ctx ends or the watcher knows everything up to the revision that target
// returns (0 = not known yet).
func (w *watcher) run(ctx context.Context, target func() int64) {
	for ctx.Err() == nil {
		if end := target(); end > 0 && w.Last() >= end {
			return
		}
		w.watch(ctx, target)
		if !wait(ctx, retryPause) {
			return
		}
	}
}

// Last is the newest revision the watcher knows everything up to.
func (w *watcher) Last() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// Sessions are the records of all streams; call it after run returned.
func (w *watcher) Sessions() []*Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions
}

// watch is one session on a random member.
func (w *watcher) watch(ctx context.Context, target func() int64) {
	ctx, cancel := context.WithTimeout(ctx, watchLife+time.Duration(w.rng.Int64N(int64(watchLife))))
	defer cancel()
	member := w.rng.IntN(len(w.conns))
	s := w.session
	s.Endpoint = w.conns[member].Target()
	s.Start = w.Last() + 1
	if back := s.Start - 1 - w.first; back > 0 && w.rng.IntN(3) == 0 {
		s.Start -= w.rng.Int64N(min(back, 200) + 1)
	}
	// A member without a leader must say so and not just be silent.
	stream, err := pb.NewWatchClient(w.conns[member]).Watch(metadata.AppendToOutgoingContext(ctx, "hasleader", "true"))
	if err != nil {
		return
	}
	if err := stream.Send(w.create(&s)); err != nil {
		return
	}
	w.mu.Lock()
	w.sessions = append(w.sessions, &s)
	w.mu.Unlock()
	w.receive(stream, &s, target)
}

// create asks for the session.
func (w *watcher) create(s *Session) *pb.WatchRequest {
	req := &pb.WatchCreateRequest{Key: []byte(s.From), RangeEnd: []byte(s.To), StartRevision: s.Start,
		PrevKv: s.PrevKV, ProgressNotify: w.rng.IntN(2) == 0}
	if s.NoPut {
		req.Filters = append(req.Filters, pb.WatchCreateRequest_NOPUT)
	}
	if s.NoDelete {
		req.Filters = append(req.Filters, pb.WatchCreateRequest_NODELETE)
	}
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: req}}
}

// receive records what comes until the stream ends, asking for progress now and then.
func (w *watcher) receive(stream pb.Watch_WatchClient, s *Session, target func() int64) {
	progress := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}
	for {
		resp, err := stream.Recv()
		if err != nil || resp.Canceled {
			return
		}
		if resp.Created {
			continue
		}
		w.record(s, resp)
		if end := target(); end > 0 && w.Last() >= end {
			return
		}
		if w.rng.IntN(5) == 0 {
			if err := stream.Send(progress); err != nil {
				return
			}
		}
	}
}

// record keeps a response. An answer without events is a bookmark.
func (w *watcher) record(s *Session, resp *pb.WatchResponse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(resp.Events) == 0 {
		s.Responses = append(s.Responses, Response{Bookmark: resp.Header.GetRevision()})
		w.last = max(w.last, resp.Header.GetRevision())
		return
	}
	r := Response{}
	for _, ev := range resp.Events {
		e := EventOf(ev)
		r.Events = append(r.Events, e)
		w.last = max(w.last, e.Revision)
	}
	s.Responses = append(s.Responses, r)
}

// readHistory fetches every event of (start, end] from one member, by a watch of all keys.
func readHistory(ctx context.Context, conn *grpc.ClientConn, start, end int64) ([]Event, error) {
	ctx, cancel := context.WithTimeout(ctx, convergeTimeout)
	defer cancel()
	stream, err := pb.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: read: %w", ErrHistory, err)
	}
	err = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: start + 1, PrevKv: true}}})
	if err != nil {
		return nil, fmt.Errorf("%w: read: %w", ErrHistory, err)
	}
	var events []Event
	for last := start; last < end; {
		resp, err := stream.Recv()
		if err == nil && resp.Canceled {
			err = errors.New(resp.CancelReason)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: read from revision %d to %d: got to %d: %w", ErrHistory, start, end, last, err)
		}
		for _, ev := range resp.Events {
			e := EventOf(ev)
			last = e.Revision
			events = append(events, e)
		}
	}
	return events, nil
}

// readState fetches the keys with a prefix as one member has them at a revision.
func readState(ctx context.Context, conn *grpc.ClientConn, prefix string, revision int64) (map[string]State, error) {
	resp, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{
		Key: []byte(prefix), RangeEnd: []byte(endOf(prefix)), Revision: revision, Serializable: true})
	if err != nil {
		return nil, fmt.Errorf("%w: read the store: %w", ErrHistory, err)
	}
	state := make(map[string]State)
	for _, kv := range resp.Kvs {
		state[string(kv.Key)] = State{Value: string(kv.Value), Create: kv.CreateRevision, Mod: kv.ModRevision, Version: kv.Version}
	}
	return state, nil
}
