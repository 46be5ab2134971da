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

// copies is how often a large answer is in memory: as keys and values, and as the message that is sent.
const copies = 2

// reader reads from the store on the account of a call, up to the call's end, when its answer has left.
func (b *answerBudget) reader(ctx context.Context, s *storage.Store) *answerReader {
	return &answerReader{Store: s, budget: b, ctx: ctx}
}

// answerReader is the store for one call. It implements apply.Snapshotter.
type answerReader struct {
	*storage.Store
	budget *answerBudget
	ctx    context.Context

	// Guarded by the budget's lock.
	taken int64
	ended bool
}

var _ apply.Snapshotter = (*answerReader)(nil)

// Range implements apply.Reader.
func (r *answerReader) Range(ctx context.Context, key, end []byte, o storage.RangeOptions) (*storage.RangeResult, error) {
	o.Charge = r.charge
	return r.Store.Range(ctx, key, end, o)
}

// charge takes from the budget for so many bytes more of the answer.
func (r *answerReader) charge(bytes int) error {
	b := r.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	more := copies * int64(bytes)
	switch {
	case r.ended:
		return r.ctx.Err()
	case b.used > r.taken && b.used+more > b.max:
		return rpctypes.ErrGRPCRequestTooManyRequests
	case r.taken == 0:
		context.AfterFunc(r.ctx, r.end)
	}
	r.taken += more
	b.used += more
	return nil
}

// end gives everything back.
func (r *answerReader) end() {
	b := r.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= r.taken
	r.taken, r.ended = 0, true
}
