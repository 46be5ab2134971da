package recent

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"unsafe"
)

// ways is the number of keys that a set has room for. With one, a third of as many keys as the cache has places would displace
// one another.
const ways = 4

// shareMax is the part of the cache that one value may take: one 256th.
const shareMax = 256

// Cache finds values by their keys. Its methods are safe from any goroutine.
type Cache[T any] struct {
	count int                      // of the sets
	sets  atomic.Pointer[[]set[T]] // made when there is something to keep
	seed  maphash.Seed
	max   int64         // bytes
	bytes atomic.Int64  // what the entries take, about
	hand  atomic.Uint64 // goes around the sets: where room is made next, if there are too many bytes
}

// set is where a key may be. Who only reads takes no lock.
type set[T any] struct {
	mu      sync.Mutex
	next    uint8         // the way whose key makes room for another one
	changes atomic.Uint64 // how often a key of the set was forgotten
	ways    [ways]atomic.Pointer[entry[T]]
}

// entry never changes.
type entry[T any] struct {
	key   string
	value T
	bytes int64
}

// Place is where the value of a key belongs, as of the moment when it was found.
type Place[T any] struct {
	set     *set[T] // nil if there was none yet
	changes uint64
}

// New makes a cache of about that many keys and bytes.
func New[T any](keys int, bytes int64) *Cache[T] {
	return &Cache[T]{count: max(1, keys/ways), seed: maphash.MakeSeed(), max: bytes}
}

// Find returns the value that is kept of a key, nil if none is, and its place. The value must not be changed.
func (c *Cache[T]) Find(key []byte) (*T, Place[T]) {
	s := c.of(key)
	if s == nil {
		return nil, Place[T]{}
	}
	p := Place[T]{s, s.changes.Load()}
	if _, e := s.find(key); e != nil {
		return &e.value, p
	}
	return nil, p
}

// Keep keeps the value of a key, whose place was found before the value was read; now and then it does not. size is what the value
// points to, in bytes.
func (c *Cache[T]) Keep(p Place[T], key []byte, value T, size int) {
	if p.set == nil {
		made := make([]set[T], c.count)
		c.sets.CompareAndSwap(nil, &made)
		return
	}
	bytes := int64(size+len(key)) + int64(unsafe.Sizeof(entry[T]{}))
	if bytes > c.max/shareMax {
		return
	}
	c.bytes.Add(p.keep(&entry[T]{string(key), value, bytes}))
	for c.bytes.Load() > c.max {
		sets := *c.sets.Load()
		c.bytes.Add(-sets[c.hand.Add(1)%uint64(len(sets))].clear())
	}
}

// Forget forgets a key, and lets nobody keep what was read of it before.
func (c *Cache[T]) Forget(key []byte) {
	s := c.of(key)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes.Add(1)
	if i, e := s.find(key); e != nil {
		s.ways[i].Store(nil)
		c.bytes.Add(-e.bytes)
	}
}

// Bytes is what all that is kept takes.
func (c *Cache[T]) Bytes() int64 { return c.bytes.Load() }

// of is the set of a key, nil before anything was to be kept.
func (c *Cache[T]) of(key []byte) *set[T] {
	sets := c.sets.Load()
	if sets == nil {
		return nil
	}
	return &(*sets)[maphash.Bytes(c.seed, key)%uint64(len(*sets))]
}

// find returns what is kept of a key, nil if nothing is, and where.
func (s *set[T]) find(key []byte) (int, *entry[T]) {
	for i := range s.ways {
		if e := s.ways[i].Load(); e != nil && e.key == string(key) {
			return i, e
		}
	}
	return 0, nil
}

// keep puts an entry in the set, in place of another one if it is full, and returns the bytes that the set has grown by. It does not
// wait for anybody: then nothing is kept.
func (p Place[T]) keep(e *entry[T]) int64 {
	s := p.set
	if !s.mu.TryLock() {
		return 0
	}
	defer s.mu.Unlock()
	if s.changes.Load() != p.changes {
		return 0
	}
	way := -1
	for i := range s.ways {
		switch old := s.ways[i].Load(); {
		case old == nil && way < 0:
			way = i
		case old != nil && old.key == e.key: // another reader's, of the same state
			return 0
		}
	}
	if way < 0 {
		way, s.next = int(s.next), (s.next+1)%ways
	}
	grown := e.bytes
	if old := s.ways[way].Swap(e); old != nil {
		grown -= old.bytes
	}
	return grown
}

// clear empties the set, unless somebody is at it, and returns the bytes that were in it.
func (s *set[T]) clear() (bytes int64) {
	if !s.mu.TryLock() {
		return 0
	}
	defer s.mu.Unlock()
	for i := range s.ways {
		if old := s.ways[i].Swap(nil); old != nil {
			bytes += old.bytes
		}
	}
	return bytes
}
