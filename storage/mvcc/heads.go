package mvcc

import (
	"errors"
	"maps"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

const (
	// headCacheMax is the number of heads in one generation of the cache: some
	// twenty-five megabytes when two are full of keys of 60 bytes.
	headCacheMax = 64 << 10
	// headsLoadMax is how many bytes of keys are read ahead at most.
	headsLoadMax = 8 << 20
)

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
// Of a store that had few keys when it was opened the cache is whole, until they
// are too many: a key that it does not hold does not exist, so that a new key,
// too, costs one map look-up.
//
// It belongs to the apply loop and is ahead of the engine by the dirty heads
// of the batch that is being built.
type headCache struct {
	max        int
	young, old map[string]*head
	// whole: every live key is in young, and old is empty.
	whole bool
}

// newHeadCache returns an empty cache of at most 3*max clean heads, or 2*max
// while it is whole.
func newHeadCache(max int) *headCache {
	return &headCache{max: max, young: make(map[string]*head), old: nil}
}

// fill makes an empty cache whole, unless db has more than max keys, or than
// headsLoadMax bytes of them.
func (c *headCache) fill(db *engine.DB) (err error) {
	bytes := 0
	lower, upper := schema.TableBounds(schema.TableHeads)
	it, err := db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		key, err := schema.RecordBody(it.Key())
		if err != nil {
			return corrupt(err)
		}
		if bytes += len(key); len(c.young) == c.max || bytes > headsLoadMax {
			c.reset()
			return nil
		}
		value, err := it.Value()
		if err != nil {
			return err
		}
		h := &head{live: true}
		if h.Head, err = schema.DecodeHead(value); err != nil {
			return corrupt(err)
		}
		c.young[string(key)] = h
	}
	c.whole = it.Err() == nil
	return it.Err()
}

// get returns the head of a key, reading it from db when it is not cached.
func (c *headCache) get(db *engine.DB, key []byte) (*head, error) {
	if h, ok := c.young[string(key)]; ok {
		return h, nil
	}
	h, ok := c.old[string(key)]
	if !ok {
		h = &head{}
	}
	if !ok && !c.whole {
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
// forgotten at once. A whole one first forgets keys that do not exist; if that
// leaves too many it is whole no more. REQUIRES: no head is dirty, or the
// batch's overlay would be lost.
func (c *headCache) turn() {
	if c.whole && len(c.young) > 2*c.max {
		maps.DeleteFunc(c.young, func(_ string, h *head) bool { return !h.live })
		c.whole = len(c.young) <= c.max
		for key := range c.young {
			if len(c.young) <= 2*c.max {
				break
			}
			delete(c.young, key)
		}
	}
	switch n := len(c.young); {
	case c.whole:
	case n > 2*c.max:
		c.reset()
	case n >= c.max:
		c.old, c.young = c.young, make(map[string]*head, c.max)
	}
}

// reset forgets everything.
func (c *headCache) reset() {
	c.young, c.old, c.whole = make(map[string]*head), nil, false
}
