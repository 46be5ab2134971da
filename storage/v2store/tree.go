package v2store

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/recent"
	"github.com/petcd/petcd/storage/schema"
)

// Tree is the tree in one engine.
type Tree struct {
	db    *engine.DB
	index atomic.Uint64
	// commits is odd while a batch is being committed and published. A reader
	// that saw the same even number before and after a read has read the tree
	// as of the index.
	commits atomic.Uint64
	cache   *cache // owned by the apply loop
	// recent are files that were read; the apply loop forgets what it changes.
	recent *recent.Cache[schema.V2Node]

	mu     sync.Mutex
	expiry bound
}

// What is kept of files that were read.
const (
	recentKeys  = 16 << 10
	recentBytes = 8 << 20
)

// RecentBytes is what is kept of files that were read.
func (t *Tree) RecentBytes() int64 { return t.recent.Bytes() }

// bound is a time before which no node of the tree expires; noExpiry: none does.
// changes counts how often the apply loop has set it.
type bound struct {
	at      int64
	changes uint64
}

// noExpiry is later than any node expires.
const noExpiry = math.MaxInt64

// Open reads where the tree in db stands.
func Open(db *engine.DB) (*Tree, error) {
	t := &Tree{
		db: db, cache: newCache(cacheBytesMax), recent: recent.New[schema.V2Node](recentKeys, recentBytes),
		expiry: bound{at: math.MinInt64},
	}
	_, err := db.View(indexKey, func(v []byte) error {
		index, err := schema.DecodeV2Index(v)
		t.index.Store(index)
		return corrupt(err)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// indexKey is the physical key of the tree's index.
var indexKey = schema.AppendRecordKey(nil, schema.TableV2State, []byte(schema.V2StateIndex))

// Index is the number of changes that were made to the tree.
func (t *Tree) Index() uint64 { return t.index.Load() }

// NextExpiry is when the next node expires; false when none does.
func (t *Tree) NextExpiry() (_ time.Time, ok bool, err error) {
	t.mu.Lock()
	from := t.expiry
	t.mu.Unlock()
	if from.at == noExpiry {
		return time.Time{}, false, nil
	}
	next := int64(noExpiry)
	// Where records have been deleted the engine finds nothing, slowly. So the
	// search begins where the last one ended.
	err = eachExpiry(t.db.NewIter, from.at, noExpiry, func(at int64, _ string) bool {
		next = at
		return false
	})
	if err != nil {
		return time.Time{}, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.expiry.changes == from.changes {
		t.expiry.at = next
	}
	return time.Unix(0, next), next != noExpiry, nil
}

// eachExpiry calls fn with what expires between from and until, both included,
// in order of the time and then the path, as long as fn returns true.
func eachExpiry(open func(engine.IterOptions) (*engine.Iter, error), from, until int64, fn func(at int64, path string) bool) (err error) {
	_, upper := schema.TableBounds(schema.TableV2Expiries)
	it, err := open(engine.IterOptions{Lower: schema.AppendV2ExpiryKey(nil, from, ""), Upper: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		at, path, err := schema.DecodeV2ExpiryKey(it.Key())
		if err != nil {
			return corrupt(err)
		}
		if at > until || !fn(at, string(path)) {
			return nil
		}
	}
	return it.Err()
}

// corrupt marks a decoding error as damage of the engine's data.
func corrupt(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", engine.ErrCorrupt, err)
}
