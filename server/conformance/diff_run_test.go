package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

const (
	watchesMax = 25
	// settleTimeout bounds the wait for both sides to deliver their events,
	// where a difference is not expected.
	settleTimeout = 30 * time.Second
)

// differential sends the same seeded operations to two fresh one-member
// clusters, and compares replies, events and hashes. One operation is under
// way at a time, so both must give the same revisions.
type differential struct {
	a, b *side
	gen  generator

	patience time.Duration // how long settle waits

	// reference is everything that happened, as side a told it.
	reference []*mvccpb.Event
}

// run does n operations; its error tells the first difference and the
// operation that showed it.
func (d *differential) run(ctx context.Context, n int) error {
	for _, s := range []*side{d.a, d.b} {
		// The first watch of each side sees everything and stays.
		if err := s.openWatch(ctx, &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 1, PrevKv: true}); err != nil {
			return err
		}
	}
	d.gen.revision = 1
	for i := range n {
		var err error
		switch step := d.gen.rand.IntN(1000); {
		case step < 3:
			err = d.compact(ctx)
		case step < 8:
			err = d.hash(ctx)
		case step < 30:
			err = d.watch(ctx)
		case step < 32:
			err = d.settle(ctx)
		default:
			err = d.both(ctx, d.gen.next())
		}
		if err != nil {
			return fmt.Errorf("operation %d of %d: %w", i+1, n, err)
		}
	}
	if err := d.settle(ctx); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	if err := d.hash(ctx); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	return d.both(ctx, d.everything())
}

// both sends op to both sides at once and compares the answers.
func (d *differential) both(ctx context.Context, op operation) error {
	var answers [2]string
	var revisions [2]int64
	var errs [2]error
	var wg sync.WaitGroup
	for i, s := range []*side{d.a, d.b} {
		wg.Go(func() { answers[i], revisions[i], errs[i] = s.answer(ctx, op) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if answers[0] != answers[1] {
		return d.differ(op, answers)
	}
	d.gen.revision = max(d.gen.revision, revisions[0])
	return nil
}

// differ renders two unlike answers to op.
func (d *differential) differ(op operation, answers [2]string) error {
	return fmt.Errorf("%T{%v} (stream %v):\n%s answers %s\n%s answers %s", op.request, op.request, op.stream,
		d.a.name, readable(op, answers[0]), d.b.name, readable(op, answers[1]))
}

// everything reads the whole store.
func (d *differential) everything() operation {
	r := &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}
	return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.kv.Range(ctx, r) }}
}

// compact forgets a random part of the past, or tries what cannot be. Watches
// are settled before, as a slow one could else meet the compaction or not.
func (d *differential) compact(ctx context.Context) error {
	if err := d.settle(ctx); err != nil {
		return err
	}
	if err := d.catchUp(ctx); err != nil {
		return err
	}
	r := &pb.CompactionRequest{Revision: d.gen.pastRevision(), Physical: d.gen.maybe(2)}
	if r.Revision == 0 {
		// On a store never compacted etcd accepts it, and 3.7.3 then answers
		// every HashKV of the current revision with that moment's hash.
		r.Revision = -1
	}
	if err := d.both(ctx, operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.kv.Compact(ctx, r) }}); err != nil {
		return err
	}
	if r.Revision <= d.gen.revision {
		d.gen.compacted = max(d.gen.compacted, r.Revision)
	}
	return nil
}

// hash compares HashKV now and at a past revision. Not at the compacted one:
// there etcd answers from a cache that a restart empties.
func (d *differential) hash(ctx context.Context) error {
	for _, rev := range []int64{0, d.gen.compacted + 1 + d.gen.rand.Int64N(max(1, d.gen.revision-d.gen.compacted))} {
		r := &pb.HashKVRequest{Revision: rev}
		if err := d.both(ctx, operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.maint.HashKV(ctx, r) }}); err != nil {
			return err
		}
	}
	return nil
}

// watch opens a watch on both sides, and ends an old one when there are many.
func (d *differential) watch(ctx context.Context) error {
	if len(d.a.watches) >= watchesMax {
		if err := d.settle(ctx); err != nil {
			return err
		}
		i := 1 + d.gen.rand.IntN(len(d.a.watches)-1)
		for _, s := range []*side{d.a, d.b} {
			s.watches[i].close()
			s.watches = append(s.watches[:i:i], s.watches[i+1:]...)
		}
	}
	r := d.gen.watch()
	for _, s := range []*side{d.a, d.b} {
		if err := s.openWatch(ctx, r); err != nil {
			return fmt.Errorf("%v: %s: %w", r, s.name, err)
		}
	}
	return nil
}

// readable renders an answer for a message.
func readable(op operation, answer string) string {
	if m := replyType(op.request); m != nil && proto.Unmarshal([]byte(answer), m) == nil {
		return fmt.Sprint(m)
	}
	return answer
}

func replyType(request proto.Message) proto.Message {
	switch request.(type) {
	case *pb.RangeRequest:
		return &pb.RangeResponse{}
	case *pb.PutRequest:
		return &pb.PutResponse{}
	case *pb.DeleteRangeRequest:
		return &pb.DeleteRangeResponse{}
	case *pb.TxnRequest:
		return &pb.TxnResponse{}
	case *pb.CompactionRequest:
		return &pb.CompactionResponse{}
	case *pb.HashKVRequest:
		return &pb.HashKVResponse{}
	case *pb.LeaseGrantRequest:
		return &pb.LeaseGrantResponse{}
	case *pb.LeaseRevokeRequest:
		return &pb.LeaseRevokeResponse{}
	case *pb.LeaseTimeToLiveRequest:
		return &pb.LeaseTimeToLiveResponse{}
	case *pb.LeaseKeepAliveRequest:
		return &pb.LeaseKeepAliveResponse{}
	case *pb.LeaseLeasesRequest:
		return &pb.LeaseLeasesResponse{}
	default:
		return nil
	}
}

// newDifferential seeds the generator.
func newDifferential(a, b *server, seed uint64) *differential {
	anyTxnError := !a.target.has(txnCheckOrder) || !b.target.has(txnCheckOrder)
	return &differential{
		a:        &side{name: a.target.name, stubs: a.stubs, anyTxnError: anyTxnError},
		b:        &side{name: b.target.name, stubs: b.stubs, anyTxnError: anyTxnError},
		patience: settleTimeout,
		gen: generator{
			rand:     rand.New(rand.NewPCG(seed, 0)),
			streams:  a.target.has(rangeStream) && b.target.has(rangeStream),
			keysOnly: a.target.has(keysWithoutLease) && b.target.has(keysWithoutLease),
		},
	}
}
