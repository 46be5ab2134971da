package api

import (
	"context"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/storage"
)

// answerBudget bounds the memory of the large answers that are being read or sent, all together. The first two MiB of an answer are free,
// so small ones are never refused; nor is one that is alone, however large: etcd answers it, too.
type answerBudget struct {
	max int64 // bytes

	mu   sync.Mutex
	used int64
}

const (
	// copies is how often a large answer that is not encoded as it is read is in memory: as keys and values, and as the message that
	// is sent.
	copies = 2

	// chargeBytes is how much of an answer that is encoded as it is read is charged at once.
	chargeBytes = 64 << 10

	// freeBytes is more than the largest value that a request brings, as servers are configured by default.
	freeBytes = 2 << 20
)

// reader reads from the store on the account of a call, up to the call's end, when its answer has left.
func (b *answerBudget) reader(ctx context.Context, s *storage.Store) *answerReader {
	return &answerReader{Store: s, budget: b, ctx: ctx, free: freeBytes}
}

// answerReader is the store for one call. It implements apply.Snapshotter.
type answerReader struct {
	*storage.Store
	budget *answerBudget
	ctx    context.Context
	free   int  // what may be taken yet for nothing
	more   bool // something was taken beyond

	// Guarded by the budget's lock.
	taken int64
	ended bool
}

var _ apply.Snapshotter = (*answerReader)(nil)

// Range implements apply.Reader.
func (r *answerReader) Range(ctx context.Context, key, end []byte, o storage.RangeOptions) (*storage.RangeResult, error) {
	o.Charge = func(bytes int) error { return r.charge(bytes, copies) }
	return r.Store.Range(ctx, key, end, o)
}

// charge takes from the budget for so many bytes more of the answer, which are in memory so often.
func (r *answerReader) charge(bytes int, times int64) error {
	if r.free -= bytes; r.free >= 0 {
		return nil
	}
	more := times * int64(-r.free)
	r.free, r.more = 0, true
	b := r.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.ended:
		return r.ctx.Err()
	case b.used > r.taken && b.used+more > b.max:
		b.used, r.taken = b.used-r.taken, 0
		return rpctypes.ErrGRPCRequestTooManyRequests
	case r.taken == 0:
		context.AfterFunc(r.ctx, r.end)
	}
	r.taken += more
	b.used += more
	return nil
}

// again gives back what was taken, for an answer that is made anew.
func (r *answerReader) again() *answerReader {
	if r.more {
		r.budget.mu.Lock()
		r.budget.used, r.taken = r.budget.used-r.taken, 0
		r.budget.mu.Unlock()
	}
	r.free, r.more = freeBytes, false
	return r
}

// end gives everything back, for good.
func (r *answerReader) end() {
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	r.budget.used, r.taken, r.ended = r.budget.used-r.taken, 0, true
}
