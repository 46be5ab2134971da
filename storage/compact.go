package storage

import (
	"context"
	"errors"

	"github.com/petcd/petcd/storage/mvcc"
)

// Compact gives up history below a revision. done is closed when what is
// superseded is removed, which happens in the background after Commit. It
// fails with mvcc.ErrCompacted, and then done tells of the compaction before,
// or with mvcc.ErrFutureRevision.
func (b *Batch) Compact(revision int64) (done <-chan struct{}, err error) {
	err = b.kv.Compact(revision)
	switch {
	case errors.Is(err, mvcc.ErrCompacted):
		return b.st.compactor.Done(b.kv.CompactRevision()), err
	case err != nil:
		return nil, err
	}
	b.compacts = true
	return b.st.compactor.Done(revision), nil
}

// compactorOptions are the options of every state's compactor.
func (s *Store) compactorOptions() mvcc.CompactorOptions {
	return mvcc.CompactorOptions{
		BatchRows: s.o.CompactionBatchRows,
		Pause:     s.o.CompactionPause,
		Logger:    s.o.Logger,
		Metrics:   s.compaction,
	}
}

// startCompactor begins to remove what is compacted in st, unless the store is to keep still.
func (s *Store) startCompactor(st *state) error {
	c, err := mvcc.NewCompactor(st.kv, s.compactorOptions())
	if err != nil {
		return err
	}
	st.compactor = c
	if s.o.Still {
		st.stop = func() {}
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	st.stop = func() {
		cancel()
		<-ended
	}
	return nil
}
