package storage

import (
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/lease"
	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/v2store"
)

// state is one engine with all that reads it. A Store has one; InstallSnapshot
// replaces it whole. References keep it open: the Store holds one, every
// reader another.
type state struct {
	db     *engine.DB
	kv     *mvcc.Store
	leases *lease.Table
	v2     *v2store.Tree

	compactor *mvcc.Compactor
	stop      func() // ends the compactor and waits for it

	applied atomic.Pointer[schema.Applied]

	refs   atomic.Int64
	closed chan struct{} // closed when the last reference is gone
	err    error         // of closing; read after closed
}

// newState reads what an open engine holds.
func newState(db *engine.DB) (*state, error) {
	st := &state{db: db, closed: make(chan struct{})}
	applied, ok, err := db.Applied()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.Join(ErrCorrupt, errors.New("storage: no applied record"))
	}
	st.applied.Store(&applied)
	if st.kv, err = mvcc.Open(db); err != nil {
		return nil, err
	}
	if st.leases, err = lease.Open(db); err != nil {
		return nil, err
	}
	if st.v2, err = v2store.Open(db); err != nil {
		return nil, err
	}
	st.refs.Store(1)
	return st, nil
}

// openState opens an engine's folder. All that is read to begin with is read
// before anything in the folder is changed.
func openState(dir string, o Options) (*state, error) {
	db, err := engine.Open(dir, o.engine(), func(readOnly *engine.DB) error {
		_, err := newState(readOnly)
		return err
	})
	if err != nil {
		return nil, err
	}
	st, err := newState(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return st, nil
}

// loadHeads reads ahead what writers need. What cannot be read now is met again by whoever needs it.
func (st *state) loadHeads(log *slog.Logger) {
	if err := st.kv.LoadHeads(); err != nil {
		log.Warn("could not read the keys ahead", "error", err)
	}
}

// retain takes a reference; false when the state is closed already.
func (st *state) retain() bool {
	for {
		n := st.refs.Load()
		if n == 0 {
			return false
		}
		if st.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// readers is how many references there are beside the Store's own; none to no state.
func (st *state) readers() int64 {
	if st == nil {
		return 0
	}
	return max(st.refs.Load()-1, 0)
}

// release gives a reference back. The last one closes the engine.
func (st *state) release() {
	if st.refs.Add(-1) == 0 {
		st.err = st.db.Close()
		close(st.closed)
	}
}
