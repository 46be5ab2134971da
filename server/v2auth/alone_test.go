package v2auth

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// alone is a member without a log: what is proposed is applied at once to a real store in memory.
type alone struct {
	*storage.Store
	mu      sync.Mutex // one proposal at a time, as a log has them
	applied uint64

	reads   atomic.Int64      // of documents
	onRead  func(path string) // called after each, before the reader has what was read
	failing error             // what reads answer, if it is set
}

// newAlone opens an empty store.
func newAlone(t *testing.T) *alone {
	t.Helper()
	s, err := storage.Open("alone", storage.Options{FS: vfs.NewMem(), FlushInterval: -1, MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &alone{Store: s}
}

func (a *alone) ReadBarrier(ctx context.Context) error { return ctx.Err() }

func (a *alone) V2Get(path string, recursive bool, now time.Time) (*v2store.Event, error) {
	a.reads.Add(1)
	if a.failing != nil {
		return nil, a.failing
	}
	event, err := a.Store.V2Get(path, recursive, now)
	if a.onRead != nil {
		a.onRead(path)
	}
	return event, err
}

func (a *alone) ProposeV2(ctx context.Context, r *v2pb.Request) (*v2store.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.NewBatch()
	event, refusal := apply.V2(b.V2(), r)
	a.applied++
	if err := b.Commit(a.applied, 1); err != nil {
		return nil, err
	}
	return event, refusal
}

// do makes a change past the Store of users.
func (a *alone) do(t *testing.T, r *v2pb.Request) {
	t.Helper()
	_, err := a.ProposeV2(t.Context(), r)
	require.NoError(t, err)
}

// put writes a document past the Store of users.
func (a *alone) put(t *testing.T, path, document string) {
	t.Helper()
	a.do(t, &v2pb.Request{Method: "PUT", Path: path, Val: document})
}

// atOnce makes two changes of which each has read a document before either writes it. What keeps them from meeting fails the
// test after a while.
func (a *alone) atOnce(t *testing.T, document string, change func(ctx context.Context, i int) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var readers atomic.Int64
	met := make(chan struct{})
	a.onRead = func(path string) {
		if path != document {
			return
		}
		switch readers.Add(1) { // a second attempt waits for nobody
		case 1:
			select {
			case <-met:
			case <-ctx.Done():
			}
		case 2:
			close(met)
		}
	}
	defer func() { a.onRead = nil }()
	made := make(chan error)
	for i := range 2 {
		go func() { made <- change(ctx, i) }()
	}
	require.NoError(t, errors.Join(<-made, <-made))
	require.Greater(t, readers.Load(), int64(2), "one of them was made again")
}
