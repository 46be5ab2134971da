package conformance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// side is one of the two servers under comparison.
type side struct {
	name string
	stubs
	anyTxnError bool // which of several errors a txn gives is not compared

	// Tampering, for the proof that a difference is noticed; nil otherwise.
	spoilReply func(proto.Message)
	spoilEvent func(*mvccpb.Event) (drop bool)

	watches []*recordedWatch
	keeping pb.Lease_LeaseKeepAliveClient
}

// answer sends op and renders what came back, without what may differ: ids of
// cluster and members, raft's term, the order of sets, remaining lease time.
func (s *side) answer(ctx context.Context, op operation) (string, int64, error) {
	resp, err := op.send(ctx, s)
	if err != nil {
		st := status.Convert(err)
		if ctx.Err() != nil {
			return "", 0, err
		}
		if _, ok := op.request.(*pb.TxnRequest); ok && s.anyTxnError {
			return "error", 0, nil
		}
		return fmt.Sprintf("error %v %q", st.Code(), st.Message()), 0, nil
	}
	if s.spoilReply != nil {
		s.spoilReply(resp)
	}
	revision := normalize(resp)
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(resp)
	if err != nil {
		return "", 0, err
	}
	return string(data), revision, nil
}

// normalize clears in place what two servers may answer differently, and
// returns the revision of the header.
func normalize(m proto.Message) int64 {
	if h, ok := m.(interface{ GetHeader() *pb.ResponseHeader }); ok && h.GetHeader() != nil {
		h.GetHeader().ClusterId, h.GetHeader().MemberId, h.GetHeader().RaftTerm = 0, 0, 0
	}
	switch m := m.(type) {
	case *pb.LeaseTimeToLiveResponse:
		if m.TTL > 0 {
			m.TTL = 1
		}
		slices.SortFunc(m.Keys, bytes.Compare)
	case *pb.LeaseLeasesResponse:
		slices.SortFunc(m.Leases, func(a, b *pb.LeaseStatus) int { return cmp.Compare(a.ID, b.ID) })
	case *pb.HashKVResponse:
		m.HashRevision = 0 // 3.4 has no such field
	}
	if h, ok := m.(interface{ GetHeader() *pb.ResponseHeader }); ok {
		return h.GetHeader().GetRevision()
	}
	return 0
}

// rangeStream is a RangeStream call with its chunks put together.
func (s *side) rangeStream(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	stream, err := s.kv.RangeStream(ctx, r)
	if err != nil {
		return nil, err
	}
	whole := &pb.RangeResponse{}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return nil, err
		}
		proto.Merge(whole, resp.RangeResponse)
	}
}

func (s *side) keepAlive(ctx context.Context, r *pb.LeaseKeepAliveRequest) (*pb.LeaseKeepAliveResponse, error) {
	if s.keeping == nil {
		stream, err := s.lease.LeaseKeepAlive(ctx)
		if err != nil {
			return nil, err
		}
		s.keeping = stream
	}
	if err := s.keeping.Send(r); err != nil {
		return nil, err
	}
	return s.keeping.Recv()
}

// recordedWatch is one watch on a stream of its own, with all it delivered.
type recordedWatch struct {
	request *pb.WatchCreateRequest
	stream  pb.Watch_WatchClient
	stop    context.CancelFunc

	mu        sync.Mutex
	created   int64 // revision in the answer to the request
	progress  int64 // revision of the newest answer to a progress request
	events    []*mvccpb.Event
	canceled  bool  // by the server
	compacted int64 // compact_revision of the cancellation
	broken    error // the stream's end, or what was wrong with it
}

// openWatch creates a watch and returns once the server has answered, so that
// what is written next is the watch's future on both sides.
func (s *side) openWatch(ctx context.Context, r *pb.WatchCreateRequest) error {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := s.watch.Watch(ctx)
	if err == nil {
		err = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}})
	}
	var resp *pb.WatchResponse
	if err == nil {
		resp, err = stream.Recv()
	}
	if err != nil {
		cancel()
		return err
	}
	if !resp.Created {
		cancel()
		return fmt.Errorf("first response to a watch is %v", resp)
	}
	w := &recordedWatch{request: r, stream: stream, stop: cancel, created: resp.Header.Revision, canceled: resp.Canceled}
	s.watches = append(s.watches, w)
	go w.record(s.spoilEvent)
	return nil
}

func (w *recordedWatch) record(spoil func(*mvccpb.Event) bool) {
	inFragment := false
	for {
		resp, err := w.stream.Recv()
		w.mu.Lock()
		switch {
		case err != nil:
			w.broken = err
		case resp.WatchId == -1:
			w.progress = max(w.progress, resp.Header.Revision)
		case len(resp.Events) > 0 && len(w.events) > 0 && !inFragment &&
			resp.Events[0].Kv.ModRevision <= w.events[len(w.events)-1].Kv.ModRevision:
			w.broken = fmt.Errorf("revision %d was split over responses or came twice", resp.Events[0].Kv.ModRevision)
		default:
			inFragment = resp.Fragment
			for _, ev := range resp.Events {
				if spoil == nil || !spoil(ev) {
					w.events = append(w.events, ev)
				}
			}
			if resp.Canceled {
				w.canceled, w.compacted = true, resp.CompactRevision
			}
		}
		end := w.broken != nil
		w.mu.Unlock()
		if end {
			return
		}
	}
}

// close ends the watch from the client's side.
func (w *recordedWatch) close() { w.stop() }
