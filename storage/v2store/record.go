package v2store

import (
	"errors"
	"time"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// event is an Event in one piece of memory with all that it points to.
type event struct {
	Event
	node, prev           Node
	value, prevValue     string
	expires, prevExpires time.Time
}

// newEvent makes the event of a change that made n the node at a path.
func newEvent(a Action, path string, n *schema.V2Node, index uint64, now int64) *event {
	e := &event{}
	e.Action = a
	e.Node = &e.node
	fill(&e.node, &e.value, &e.expires, path, n, now)
	e.node.ModifiedIndex = index
	return e
}

// setPrev adds what was there before.
func (e *event) setPrev(path string, n *schema.V2Node, now int64) {
	e.PrevNode = &e.prev
	fill(&e.prev, &e.prevValue, &e.prevExpires, path, n, now)
}

// fill makes an answer's node.
func fill(to *Node, value *string, expires *time.Time, path string, n *schema.V2Node, now int64) {
	*to = Node{Key: path, Dir: n.Dir, CreatedIndex: n.Created, ModifiedIndex: n.Modified}
	if !n.Dir {
		*value = n.Value
		to.Value = value
	}
	if n.Expiration != 0 {
		*expires = time.Unix(0, n.Expiration).UTC()
		to.Expiration, to.TTL = expires, ttl(n.Expiration, now)
	}
}

// actions are the actions of changes by their number in a record, which is on
// disk.
var actions = [...]Action{
	1: Create, 2: Set, 3: Update, 4: Delete, 5: CompareAndSwap, 6: CompareAndDelete, 7: Expire,
}

// encodeEvent makes the record of an event.
func encodeEvent(e *Event) schema.V2Event {
	r := schema.V2Event{Refresh: e.Refresh, Key: e.Node.Key, Node: encodeNode(e.Node)}
	for i, a := range actions {
		if a == e.Action {
			r.Action = byte(i)
		}
	}
	if e.PrevNode != nil {
		prev := encodeNode(e.PrevNode)
		r.Prev = &prev
	}
	return r
}

func encodeNode(n *Node) schema.V2EventNode {
	r := schema.V2EventNode{Dir: n.Dir, Created: n.CreatedIndex, Modified: n.ModifiedIndex, TTL: n.TTL}
	if n.Value != nil {
		r.HasValue, r.Value = true, *n.Value
	}
	if n.Expiration != nil {
		r.Expiration = n.Expiration.UnixNano()
	}
	return r
}

// decodeEvent makes the event of a slot's record. The node was changed last by
// the event, so that its modified index is the event's.
func decodeEvent(b []byte, slot uint64) (*Event, error) {
	r, err := schema.DecodeV2Event(b)
	if err != nil {
		return nil, corrupt(err)
	}
	index := r.Node.Modified
	if r.Action == 0 || int(r.Action) >= len(actions) || index == 0 || index%schema.V2EventsKept != slot {
		return nil, corrupt(schema.ErrMalformed)
	}
	e := &Event{Action: actions[r.Action], Refresh: r.Refresh, Node: decodeNode(r.Key, &r.Node), Index: index}
	if r.Prev != nil {
		e.PrevNode = decodeNode(r.Key, r.Prev)
	}
	return e, nil
}

func decodeNode(key string, r *schema.V2EventNode) *Node {
	n := &Node{Key: key, Dir: r.Dir, CreatedIndex: r.Created, ModifiedIndex: r.Modified}
	if r.HasValue {
		n.Value = &r.Value
	}
	if r.Expiration != 0 {
		at := time.Unix(0, r.Expiration).UTC()
		n.Expiration, n.TTL = &at, r.TTL
	}
	return n
}

// Event reads the event of an index; nil when it is not kept.
func (t *Tree) Event(index uint64) (e *Event, err error) {
	_, err = t.db.View(schema.AppendV2EventKey(nil, index), func(v []byte) (err error) {
		e, err = decodeEvent(v, index%schema.V2EventsKept)
		return err
	})
	if err != nil || e == nil || e.Index != index {
		return nil, err
	}
	return e, nil
}

// EachEvent calls fn with the events that are kept, oldest first.
func (t *Tree) EachEvent(fn func(*Event)) (err error) {
	it, err := t.db.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	r := reader{it: it}
	if err := r.readIndex(); err != nil {
		return err
	}
	// The slot after the newest event's is the oldest one's.
	lower, upper := schema.TableBounds(schema.TableV2Events)
	oldest := schema.AppendV2EventKey(nil, r.index+1)
	for _, bounds := range [][2][]byte{{oldest, upper}, {lower, oldest}} {
		it.SetBounds(bounds[0], bounds[1])
		for ok := it.First(); ok; ok = it.Next() {
			e, err := r.event()
			if err != nil {
				return err
			}
			fn(e)
		}
		if err := it.Err(); err != nil {
			return err
		}
	}
	return nil
}

// event decodes the event that the iterator is at.
func (r *reader) event() (*Event, error) {
	slot, err := schema.DecodeV2EventKey(r.it.Key())
	if err != nil {
		return nil, corrupt(err)
	}
	v, err := r.it.Value()
	if err != nil {
		return nil, err
	}
	return decodeEvent(v, slot)
}
