package mvcc

import (
	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// headCacheMax is the number of heads in one generation of the cache: some
// ten megabytes when both are full of keys of 60 bytes.
const headCacheMax = 32 << 10

// head is what the apply loop knows of a key.
type head struct {
	schema.Head
	live bool // false: the key does not exist; Head is meaningless
	// dirty says that the batch being built wrote the key; value is then what
	// it holds now. Dirty heads are the batch's overlay over the engine.
	dirty bool
	value []byte
}

// headCache keeps recently used heads in two generations: when the young one
// is full it becomes the old one, and what the old one held is forgotten
// unless it was used again. It costs one map look-up for a hit and no list.
//
// It belongs to the apply loop and is ahead of the engine by the dirty heads
// of the batch that is being built.
type headCache struct {
	max        int
	young, old map[string]*head
}

// newHeadCache returns an empty cache of at most 3*max clean heads.
func newHeadCache(max int) *headCache {
	return &headCache{max: max, young: make(map[string]*head), old: nil}
}

// get returns the head of a key, reading it from db when it is not cached.
func (c *headCache) get(db *engine.DB, key []byte) (*head, error) {
	if h, ok := c.young[string(key)]; ok {
		return h, nil
	}
	h, ok := c.old[string(key)]
	if !ok {
		h = &head{}
		var buf [128]byte
		var err error
		h.live, err = db.View(schema.AppendRecordKey(buf[:0], schema.TableHeads, key), func(v []byte) (err error) {
			h.Head, err = schema.DecodeHead(v)
			return corrupt(err)
		})
		if err != nil {
			return nil, err
		}
	}
	c.young[string(key)] = h
	return h, nil
}

// turn begins a new generation if the young one is full. One that a single
// batch has made far too large, as the deletion of a big range does, is
// forgotten at once. REQUIRES: no head is dirty, or the batch's overlay would be
// lost.
func (c *headCache) turn() {
	switch n := len(c.young); {
	case n > 2*c.max:
		c.reset()
	case n >= c.max:
		c.old, c.young = c.young, make(map[string]*head, c.max)
	}
}

// reset forgets everything.
func (c *headCache) reset() {
	c.young, c.old = make(map[string]*head), nil
}
