package v2store

import (
	"strings"

	"github.com/petcd/petcd/storage/schema"
)

// ringBytesMax bounds the events of a ring that are in memory. Those before
// them are read from their records.
const ringBytesMax = 16 << 20

// slotKeyMax bounds the key of an event that is in memory no more.
const slotKeyMax = 256

// ring is the newest events, to be matched against watches.
type ring struct {
	slots  [schema.V2EventsKept]slot // that of index i at i modulo their number
	last   uint64                    // the newest index
	count  uint64                    // of events
	loaded uint64                    // the oldest index whose event is in memory
	bytes  int                       // of events in memory
}

// slot is one event, and what a watch must know to match it.
type slot struct {
	event   *Event // nil: only on disk
	key     string
	cut     bool // the key is only the beginning of the event's
	refresh bool
	dir     bool // a directory ended
	// live says that the event was seen as it happened, and woken are then the
	// watched paths that went with the directory. Of an event that was read
	// from its record nobody knows what went with it.
	live  bool
	woken map[string]bool
}

// first is the oldest index that is kept; the next one when none is.
func (r *ring) first() uint64 { return r.last + 1 - r.count }

// at is the slot of an index. REQUIRES: it is kept.
func (r *ring) at(index uint64) *slot { return &r.slots[index%uint64(len(r.slots))] }

// add adds the event of the next index.
func (r *ring) add(e *Event, live bool) *slot {
	r.last = e.Index
	s := r.at(e.Index)
	if s.event != nil {
		r.bytes -= s.event.size()
	}
	*s = slot{event: e, key: e.Node.Key, refresh: e.Refresh, live: live}
	s.dir = (e.Action == Delete || e.Action == Expire) && e.PrevNode != nil && e.PrevNode.Dir
	r.count = min(r.count+1, uint64(len(r.slots)))
	r.bytes += e.size()
	r.loaded = max(r.loaded, r.first())
	for ; r.bytes > ringBytesMax && r.loaded < r.last; r.loaded++ {
		if old := r.at(r.loaded); old.event != nil {
			r.bytes -= old.event.size()
			old.drop()
		}
	}
	return s
}

// drop leaves of an event what most watches are told apart by. The copy frees
// what the key was a part of.
func (s *slot) drop() {
	s.event = nil
	s.cut = len(s.key) > slotKeyMax
	s.key = strings.Clone(s.key[:min(len(s.key), slotKeyMax)])
}

// undecided tells whether the rest of a key that was cut decides if the slot is
// for the watch of a path.
func (s *slot) undecided(path string) bool {
	return s.cut && (strings.HasPrefix(s.key, path) || strings.HasPrefix(path, s.key))
}

// size is what an event takes in memory, about.
func (e *Event) size() int {
	n := 512 + len(e.Node.Key)
	for _, v := range []*Node{e.Node, e.PrevNode} {
		if v != nil && v.Value != nil {
			n += len(*v.Value)
		}
	}
	return n
}
