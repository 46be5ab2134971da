package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// operation is one request of the differential test, to be sent to both
// sides.
type operation struct {
	request proto.Message // what is sent; also for messages
	stream  bool          // by RangeStream
	send    func(ctx context.Context, s *side) (proto.Message, error)
}

// generator draws operations. It follows the store's revision, so that reads
// of the past, compactions and watches fall before, at and after the edges.
type generator struct {
	rand      *rand.Rand
	streams   bool  // RangeStream is there on both sides
	keysOnly  bool  // both sides answer it alike
	revision  int64 // current
	compacted int64

	openEnded bool // of the txn being drawn: deletions may have no end
}

const (
	generatedKeys   = 60
	generatedLeases = 12
)

// next draws a request that neither compacts nor watches; those need both
// sides at rest (see differential).
func (g *generator) next() operation {
	switch n := g.rand.IntN(100); {
	case n < 34:
		r := g.put()
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.kv.Put(ctx, r) }}
	case n < 64:
		r := g.rangeRequest()
		if g.streams && g.rand.IntN(8) == 0 && (r.SortOrder != pb.RangeRequest_NONE || r.SortTarget == pb.RangeRequest_KEY) {
			// A stream with a target and no order is what etcd neither refuses
			// nor answers right: it sorts each chunk and goes on after its last.
			return operation{request: r, stream: true, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.rangeStream(ctx, r) }}
		}
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.kv.Range(ctx, r) }}
	case n < 72:
		r := g.deleteRange()
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.kv.DeleteRange(ctx, r) }}
	case n < 92:
		r := g.txn(0)
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.kv.Txn(ctx, r) }}
	default:
		return g.leaseOperation()
	}
}

func (g *generator) leaseOperation() operation {
	id := g.lease()
	switch n := g.rand.IntN(10); {
	case n < 3:
		// Long enough that none expires while the test runs.
		r := &pb.LeaseGrantRequest{ID: id, TTL: 100_000 + g.rand.Int64N(1000)}
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.lease.LeaseGrant(ctx, r) }}
	case n < 5:
		r := &pb.LeaseRevokeRequest{ID: id}
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.lease.LeaseRevoke(ctx, r) }}
	case n < 7:
		r := &pb.LeaseTimeToLiveRequest{ID: id, Keys: g.maybe(2)}
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.lease.LeaseTimeToLive(ctx, r) }}
	case n < 8:
		r := &pb.LeaseKeepAliveRequest{ID: id}
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.keepAlive(ctx, r) }}
	default:
		r := &pb.LeaseLeasesRequest{}
		return operation{request: r, send: func(ctx context.Context, s *side) (proto.Message, error) { return s.lease.LeaseLeases(ctx, r) }}
	}
}

func (g *generator) maybe(oneIn int) bool { return g.rand.IntN(oneIn) == 0 }

// key is one of a few, so that operations meet; some keys are prefixes of
// others, and rarely there is none.
func (g *generator) key() []byte {
	n := g.rand.IntN(generatedKeys)
	switch {
	case g.maybe(300):
		return nil
	case n%10 == 0:
		return fmt.Appendf(nil, "k%02d/sub\x00\xff", n)
	default:
		return fmt.Appendf(nil, "k%02d", n)
	}
}

// rangeEnd draws the end of a range from key on: one key, an interval (rarely
// an empty or inverted one), everything.
func (g *generator) rangeEnd() []byte {
	switch n := g.rand.IntN(20); {
	case n < 8:
		return nil
	case n < 19:
		return g.key()
	default:
		return []byte{0}
	}
}

func (g *generator) value() []byte {
	if g.maybe(20) {
		return nil
	}
	size := 1 + g.rand.IntN(24)
	if g.maybe(50) {
		size = 20_000
	}
	value := make([]byte, size)
	for i := range value {
		value[i] = byte('a' + g.rand.IntN(3))
	}
	return value
}

func (g *generator) lease() int64 {
	if g.maybe(60) {
		return g.rand.Int64() - 1<<62
	}
	return 1 + g.rand.Int64N(generatedLeases)
}

// pastRevision draws a revision to read at: mostly one that is there, at times
// compacted, future, negative, or the edges.
func (g *generator) pastRevision() int64 {
	switch g.rand.IntN(12) {
	case 0:
		return g.compacted
	case 1:
		return g.compacted - 1
	case 2:
		return g.revision
	case 3:
		return g.revision + 1 + g.rand.Int64N(3)
	case 4:
		return -g.rand.Int64N(5)
	default:
		return g.compacted + g.rand.Int64N(max(1, g.revision-g.compacted))
	}
}

func (g *generator) put() *pb.PutRequest {
	r := &pb.PutRequest{Key: g.key(), Value: g.value(), PrevKv: g.maybe(3)}
	if g.maybe(4) {
		r.Lease = g.lease()
	}
	if g.maybe(12) {
		r.IgnoreValue = true
		if !g.maybe(4) {
			r.Value = nil
		}
	}
	if g.maybe(12) {
		r.IgnoreLease = true
		if !g.maybe(4) {
			r.Lease = 0
		}
	}
	return r
}

func (g *generator) deleteRange() *pb.DeleteRangeRequest {
	r := &pb.DeleteRangeRequest{Key: g.key(), PrevKv: g.maybe(2)}
	if g.maybe(3) {
		r.RangeEnd = g.rangeEnd()
	}
	return r
}

func (g *generator) rangeRequest() *pb.RangeRequest {
	r := &pb.RangeRequest{Key: g.key(), RangeEnd: g.rangeEnd(), Serializable: g.maybe(4), KeysOnly: g.keysOnly && g.maybe(6), CountOnly: g.maybe(8)}
	if g.maybe(2) {
		r.Limit = g.rand.Int64N(12)
	}
	if g.maybe(2) {
		r.Revision = g.pastRevision()
	}
	if g.maybe(3) {
		r.SortOrder = pb.RangeRequest_SortOrder(g.rand.IntN(3))
		r.SortTarget = pb.RangeRequest_SortTarget(g.rand.IntN(5))
	}
	bound := func() int64 {
		if g.maybe(8) {
			return g.pastRevision()
		}
		return 0
	}
	r.MinModRevision, r.MaxModRevision = bound(), bound()
	r.MinCreateRevision, r.MaxCreateRevision = bound(), bound()
	return r
}

// txn draws a txn of up to four levels. Where a deletion is of all keys from
// one on, no put ignores the value or the lease: etcd takes the end "\x00" for
// a key when it looks for puts of deleted keys, and so lets a put through whose
// old value the same txn deleted, which panics every member for good.
func (g *generator) txn(depth int) *pb.TxnRequest {
	if depth == 0 {
		g.openEnded = g.maybe(4)
	}
	r := &pb.TxnRequest{}
	for range g.rand.IntN(3) {
		r.Compare = append(r.Compare, g.compare())
	}
	branch := func() []*pb.RequestOp {
		var list []*pb.RequestOp
		for range g.rand.IntN(4) {
			switch n := g.rand.IntN(10); {
			case n < 4:
				p := g.put()
				if g.openEnded {
					p.IgnoreValue, p.IgnoreLease = false, false
				}
				list = append(list, wrapPut(p))
			case n < 7:
				list = append(list, wrapRange(g.rangeRequest()))
			case n < 9 || depth == 3:
				d := g.deleteRange()
				if !g.openEnded && len(d.RangeEnd) == 1 {
					d.RangeEnd = nil
				}
				list = append(list, wrapDelete(d))
			default:
				list = append(list, wrapTxn(g.txn(depth+1)))
			}
		}
		return list
	}
	r.Success, r.Failure = branch(), branch()
	return r
}

func (g *generator) compare() *pb.Compare {
	c := &pb.Compare{Key: g.key(), Result: pb.Compare_CompareResult(g.rand.IntN(4)), Target: pb.Compare_CompareTarget(g.rand.IntN(5))}
	if g.maybe(5) {
		c.RangeEnd = g.rangeEnd()
	}
	switch c.Target {
	case pb.Compare_VERSION:
		c.TargetUnion = &pb.Compare_Version{Version: g.rand.Int64N(4)}
	case pb.Compare_CREATE:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: g.pastRevision()}
	case pb.Compare_MOD:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: g.pastRevision()}
	case pb.Compare_VALUE:
		c.TargetUnion = &pb.Compare_Value{Value: g.value()}
	case pb.Compare_LEASE:
		c.TargetUnion = &pb.Compare_Lease{Lease: g.lease()}
	}
	return c
}

// watch draws a watch with a start anywhere from before the compacted past to
// a little ahead.
func (g *generator) watch() *pb.WatchCreateRequest {
	r := &pb.WatchCreateRequest{Key: g.key(), RangeEnd: g.rangeEnd(), PrevKv: g.maybe(3), Fragment: g.maybe(3)}
	if !g.maybe(3) {
		r.StartRevision = max(0, g.pastRevision())
	}
	if g.maybe(4) {
		r.Filters = append(r.Filters, pb.WatchCreateRequest_NOPUT)
	}
	if g.maybe(4) {
		r.Filters = append(r.Filters, pb.WatchCreateRequest_NODELETE)
	}
	return r
}
