package apply

import (
	"context"
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/mvcc"
)

// A txn runs in three steps, all of them against one state. First every compare is decided, those of nested txns
// included, which fixes the operations that will run: the path. Then these are checked against the state before any write.
// Then they are made, each seeing the ones before it.

// plan is a txn whose compares are decided.
type plan struct {
	succeeded bool
	ops       []*pb.RequestOp
	nested    []*plan // of the txns among ops, in their order
}

// nestingMax bounds the depth of nested txns, so that an entry cannot exhaust the stack. The encoding's own limit is far
// above it; the API refuses such requests long before.
const nestingMax = 1000

// errNesting answers a txn that is nested deeper than nestingMax.
var errNesting = fmt.Errorf("%w: txn nested too deep", ErrUnknownRequest)

// decide evaluates the compares of a txn and of the txns nested in the branch that is taken.
func decide(ctx context.Context, r Reader, txn *pb.TxnRequest, depth int) (*plan, error) {
	if depth > nestingMax {
		return nil, errNesting
	}
	succeeded, err := compareAll(ctx, r, txn.GetCompare())
	if err != nil {
		return nil, err
	}
	p := &plan{succeeded: succeeded, ops: txn.GetSuccess()}
	if !succeeded {
		p.ops = txn.GetFailure()
	}
	for _, op := range p.ops {
		if t, ok := op.GetRequest().(*pb.RequestOp_RequestTxn); ok {
			n, err := decide(ctx, r, t.RequestTxn, depth+1)
			if err != nil {
				return nil, err
			}
			p.nested = append(p.nested, n)
		}
	}
	return p, nil
}

// state is what a txn is checked against.
type state struct {
	Reader
	leases            Leases
	revision, compact int64
}

// Leases tells which leases exist.
type Leases interface {
	LeaseExists(id int64) bool
}

// check tells why a planned txn cannot run, in the order of its operations.
func (p *plan) check(ctx context.Context, s *state) error {
	nested := p.nested
	for _, op := range p.ops {
		var err error
		switch o := op.GetRequest().(type) {
		case *pb.RequestOp_RequestRange:
			err = checkRevision(o.RequestRange, s)
		case *pb.RequestOp_RequestPut:
			err = checkPut(ctx, o.RequestPut, s)
		case *pb.RequestOp_RequestTxn:
			err = nested[0].check(ctx, s)
			nested = nested[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkRevision(req *pb.RangeRequest, s *state) error {
	switch revision := req.GetRevision(); {
	case revision == 0:
		return nil
	case revision > s.revision:
		return mvcc.ErrFutureRevision
	case revision < s.compact:
		return mvcc.ErrCompacted
	}
	return nil
}

func checkPut(ctx context.Context, req *pb.PutRequest, s *state) error {
	if id := req.GetLease(); id != 0 && !s.leases.LeaseExists(id) {
		return ErrLeaseNotFound
	}
	if !req.GetIgnoreValue() && !req.GetIgnoreLease() {
		return nil
	}
	res, err := s.Range(ctx, req.GetKey(), nil, storage.RangeOptions{})
	if err != nil {
		return err
	}
	if len(res.KVs) == 0 {
		return ErrKeyNotFound
	}
	return nil
}

// ReadTxn answers a txn that only reads (IsReadOnly) from one revision of the store.
func ReadTxn(ctx context.Context, s Snapshotter, txn *pb.TxnRequest) (*pb.TxnResponse, error) {
	for {
		revision := s.Revision()
		resp, err := readTxnAt(ctx, s, revision, txn)
		// A compaction may overtake the read. Then it is repeated on the newer state, unless the request itself asks for
		// history that is gone.
		if errors.Is(err, errOvertaken) && ctx.Err() == nil {
			continue
		}
		return resp, err
	}
}

// Snapshotter is a store whose older revisions stay readable.
type Snapshotter interface {
	Reader
	Revision() int64
	CompactRevision() int64
}

// errOvertaken tells that the revision a read was pinned to was compacted meanwhile.
var errOvertaken = errors.New("apply: revision compacted while it was read")

func readTxnAt(ctx context.Context, s Snapshotter, revision int64, txn *pb.TxnRequest) (*pb.TxnResponse, error) {
	st := &state{Reader: pinned{s, revision}, revision: revision, compact: s.CompactRevision()}
	resp, err := func() (*pb.TxnResponse, error) {
		p, err := decide(ctx, st, txn, 0)
		if err != nil {
			return nil, err
		}
		if err := p.check(ctx, st); err != nil {
			return nil, err
		}
		return p.read(ctx, st)
	}()
	if errors.Is(err, mvcc.ErrCompacted) && s.CompactRevision() > revision {
		return nil, errOvertaken
	}
	return resp, err
}

// read makes the ranges of a txn that only reads.
func (p *plan) read(ctx context.Context, s *state) (*pb.TxnResponse, error) {
	resp := &pb.TxnResponse{Header: &pb.ResponseHeader{Revision: s.revision}, Succeeded: p.succeeded}
	for _, op := range p.ops {
		r, err := Range(ctx, s, op.GetRequestRange())
		if err != nil {
			return nil, err
		}
		resp.Responses = append(resp.Responses, &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: r}})
	}
	return resp, nil
}

// IsReadOnly tells whether a txn holds nothing but ranges, so that it needs no log entry. A nested txn counts as a write.
func IsReadOnly(txn *pb.TxnRequest) bool {
	return allRanges(txn.GetSuccess()) && allRanges(txn.GetFailure())
}

// IsSerializable tells whether a read-only txn accepts this member's state as it is.
func IsSerializable(txn *pb.TxnRequest) bool {
	return allSerializable(txn.GetSuccess()) && allSerializable(txn.GetFailure())
}

func allRanges(ops []*pb.RequestOp) bool {
	for _, op := range ops {
		if op.GetRequestRange() == nil {
			return false
		}
	}
	return true
}

func allSerializable(ops []*pb.RequestOp) bool {
	for _, op := range ops {
		if !op.GetRequestRange().GetSerializable() {
			return false
		}
	}
	return true
}
