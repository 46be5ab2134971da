package lease

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// Info is one lease, in seconds.
type Info struct {
	ID        int64
	TTL       int64
	Remaining int64 // 0: no checkpoint yet, the full TTL
}

// Table is the leases of one engine.
type Table struct {
	db *engine.DB

	mu     sync.RWMutex
	leases map[int64]schema.Lease // guarded by mu
}

// Open reads the leases in db.
func Open(db *engine.DB) (t *Table, err error) {
	t = &Table{db: db, leases: make(map[int64]schema.Lease)}
	lower, upper := schema.TableBounds(schema.TableLeases)
	it, err := db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		id, err := schema.DecodeLeaseKey(it.Key())
		if err != nil {
			return nil, corrupt(err)
		}
		b, err := it.Value()
		if err != nil {
			return nil, err
		}
		if t.leases[id], err = schema.DecodeLease(b); err != nil {
			return nil, corrupt(err)
		}
	}
	return t, it.Err()
}

// Get returns a lease.
func (t *Table) Get(id int64) (Info, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l, ok := t.leases[id]
	return Info{ID: id, TTL: l.TTL, Remaining: l.Remaining}, ok
}

// All returns all leases by id.
func (t *Table) All() []Info {
	t.mu.RLock()
	all := make([]Info, 0, len(t.leases))
	for id, l := range t.leases {
		all = append(all, Info{ID: id, TTL: l.TTL, Remaining: l.Remaining})
	}
	t.mu.RUnlock()
	slices.SortFunc(all, func(a, b Info) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Keys returns the keys attached to a lease in order.
func (t *Table) Keys(id int64) ([][]byte, error) {
	lower, upper := schema.LeaseKeysBounds(id)
	it, err := t.db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return nil, err
	}
	return attachedKeys(it)
}

// attachedKeys reads the user keys of the lease that it is bounded to, and
// closes it.
func attachedKeys(it *engine.Iter) (keys [][]byte, err error) {
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		_, key, err := schema.DecodeLeaseKeyKey(it.Key())
		if err != nil {
			return nil, corrupt(err)
		}
		keys = append(keys, slices.Clone(key))
	}
	return keys, it.Err()
}

// corrupt marks a decoding error as damage of the engine's data.
func corrupt(err error) error { return fmt.Errorf("%w: %w", engine.ErrCorrupt, err) }
