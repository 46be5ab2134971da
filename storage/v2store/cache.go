package v2store

import (
	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// cacheBytesMax is the size of one generation of the cache.
const cacheBytesMax = 8 << 20

// entryOverhead is what an entry of the cache takes beside its texts, about.
const entryOverhead = 160

// entry is what the apply loop knows of a path.
type entry struct {
	schema.V2Node
	live bool // false: there is no such node
	// whole is the generation of the cache in which this directory was made, if it was: all that is in it is in the cache
	// as long as that generation is the young one.
	whole int
}

// size is what an entry counts as.
func (e *entry) size(path string) int { return entryOverhead + len(path) + len(e.Value) }

// cache keeps recently used nodes, values included, in two generations: when
// the young one is full it becomes the old one, and what the old one held is
// forgotten unless it was used again.
//
// It belongs to the apply loop, and while a batch is being built it is also
// the batch's overlay over the engine: what the batch changed is in it.
type cache struct {
	max        int
	bytes      int // of the young generation, about
	generation int // of the young one, from 1 on
	young, old map[string]*entry
}

func newCache(max int) *cache {
	return &cache{max: max, generation: 1, young: map[string]*entry{}}
}

// get returns what is at a path, reading it from db when it is not cached.
func (c *cache) get(db *engine.DB, path string) (*entry, error) {
	if e, ok := c.young[path]; ok {
		return e, nil
	}
	e, ok := c.old[path]
	if !ok && c.absent(path) {
		e, ok = &entry{}, true
	}
	if !ok {
		e = &entry{}
		var buf [160]byte
		var err error
		e.live, err = db.View(schema.AppendV2NodeKey(buf[:0], path), func(v []byte) (err error) {
			e.V2Node, err = schema.DecodeV2Node(v)
			return corrupt(err)
		})
		if err != nil {
			return nil, err
		}
	}
	c.put(path, e)
	return e, nil
}

// absent tells that there is nothing at a path that is not cached, as far as the cache knows: its directory was made in this
// generation. New keys are mostly set in directories that are new themselves.
func (c *cache) absent(path string) bool {
	up := c.young[parent(path)]
	return up != nil && up.live && up.Dir && up.whole == c.generation
}

// made notes that the directory at e is new, and empty.
func (c *cache) made(e *entry) { e.whole = c.generation }

// put makes e what is known of a path.
func (c *cache) put(path string, e *entry) {
	c.young[path] = e
	c.bytes += e.size(path)
}

// turn begins a new generation if the young one is full. One that a single
// batch has made far too large is forgotten at once. REQUIRES: no batch is being
// built, or its overlay would be lost.
func (c *cache) turn() {
	switch {
	case c.bytes > 2*c.max:
		c.reset()
	case c.bytes >= c.max:
		c.old, c.young, c.bytes = c.young, map[string]*entry{}, 0
		c.generation++
	}
}

// reset forgets everything.
func (c *cache) reset() {
	c.old, c.young, c.bytes = nil, map[string]*entry{}, 0
	c.generation++
}
