package robustness

import (
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Event is a change of one key, as a watch or the reference history tells it.
type Event struct {
	Revision int64
	Delete   bool
	Key      string
	Value    string // "" for a delete
	Create   int64
	Version  int64 // 0 in API 2, which has none
	Fresh    bool  // the key begins anew although it was there, as by API 2's set
	Expired  bool  // a delete that nobody asked for but a TTL

	Previous *Previous // nil when the watch was asked for none, or the key did not exist
}

// Previous is the key before the event.
type Previous struct {
	Value       string
	ModRevision int64
}

// EventOf takes what checks need from the wire.
func EventOf(ev *mvccpb.Event) Event {
	e := Event{
		Revision: ev.Kv.GetModRevision(),
		Delete:   ev.Type == mvccpb.Event_DELETE,
		Key:      string(ev.Kv.GetKey()),
		Value:    string(ev.Kv.GetValue()),
		Create:   ev.Kv.GetCreateRevision(),
		Version:  ev.Kv.GetVersion(),
	}
	if ev.PrevKv != nil {
		e.Previous = &Previous{Value: string(ev.PrevKv.Value), ModRevision: ev.PrevKv.ModRevision}
	}
	return e
}

// State is a key as the store has it.
type State struct {
	Value   string
	Create  int64
	Mod     int64
	Version int64
}

// at is a key's place in the history.
type at struct {
	revision int64
	key      string
}

// CheckHistory compares the reference history of an epoch, that is all events with revisions in
// (start, end], with what clients were told and with the keys the store has at end. Keys of an epoch
// do not exist before it.
func CheckHistory(events []Event, start, end int64, ops []Operation, stored map[string]State) error {
	c := newHistoryCheck()
	c.contiguous(events, start, end)
	return c.run(events, ops, stored)
}

// newHistoryCheck begins with an empty store.
func newHistoryCheck() *historyCheck {
	return &historyCheck{byValue: make(map[string]int64), at: make(map[at]Event), state: make(map[string]State)}
}

// run does all checks but that of the revisions' order.
func (c *historyCheck) run(events []Event, ops []Operation, stored map[string]State) error {
	for _, e := range events {
		c.replay(e)
	}
	for _, o := range ops {
		c.operation(o)
	}
	c.writers(ops)
	c.compare(stored)
	return errors.Join(c.errs...)
}

// historyCheck is one pass over an epoch.
type historyCheck struct {
	byValue map[string]int64 // revision that wrote the value
	at      map[at]Event
	state   map[string]State
	errs    []error

	unversioned bool // API 2
}

// historyErrorsMax bounds a failure message; the first errors tell the most.
const historyErrorsMax = 20

func (c *historyCheck) fail(format string, args ...any) {
	if len(c.errs) < historyErrorsMax {
		c.errs = append(c.errs, fmt.Errorf("%w: "+format, append([]any{ErrHistory}, args...)...))
	}
}

// contiguous finds skipped revisions: all writes are ours, so each revision has an event.
func (c *historyCheck) contiguous(events []Event, start, end int64) {
	last := start
	for _, e := range events {
		if e.Revision != last && e.Revision != last+1 {
			c.fail("revision %d follows %d", e.Revision, last)
		}
		last = e.Revision
	}
	if last != end {
		c.fail("history ends at revision %d, the store at %d", last, end)
	}
}

// replay applies an event to the state and checks what it says of the key's life.
func (c *historyCheck) replay(e Event) {
	if _, twice := c.at[at{e.Revision, e.Key}]; twice {
		c.fail("key %s changes twice at revision %d", e.Key, e.Revision)
	}
	c.at[at{e.Revision, e.Key}] = e
	before, existed := c.state[e.Key]
	if e.Previous == nil && existed || e.Previous != nil && (e.Previous.Value != before.Value || e.Previous.ModRevision != before.Mod) {
		c.fail("event %+v: the key was %+v before", e, before)
	}
	if e.Delete {
		if !existed {
			c.fail("revision %d deletes %s, which does not exist", e.Revision, e.Key)
		}
		delete(c.state, e.Key)
		return
	}
	if other, twice := c.byValue[valueID(e)]; twice {
		c.fail("value %q is written at revision %d and again at %d", e.Value, other, e.Revision)
	}
	c.byValue[valueID(e)] = e.Revision
	after := State{Value: e.Value, Create: e.Revision, Mod: e.Revision, Version: 1}
	if existed && !e.Fresh {
		after.Create, after.Version = before.Create, before.Version+1
	}
	if c.unversioned {
		after.Version = 0
	}
	if e.Create != after.Create || e.Version != after.Version {
		c.fail("event %+v: the key's life says creation %d, version %d", e, after.Create, after.Version)
	}
	c.state[e.Key] = after
}

// valueID tells apart the keys that one transaction gives the same value.
func valueID(e Event) string { return e.Key + "=" + e.Value }

// operation checks that an acknowledged change is in the history where the client was told.
func (c *historyCheck) operation(o Operation) {
	if !o.Known {
		return
	}
	a := o.Answer
	e, ok := c.at[at{a.Revision, o.Key}]
	switch {
	case o.Kind == Put || o.Kind == Swap && a.Done:
		if !ok || e.Delete || e.Value != o.Value {
			c.fail("acknowledged write is lost: %v; the history has %+v there", o, e)
		}
	case o.Kind == Delete && a.Done:
		if !ok || !e.Delete {
			c.fail("acknowledged delete is lost: %v; the history has %+v there", o, e)
		}
	case a.Found && a.ModRevision != untold:
		if e, ok := c.at[at{a.ModRevision, o.Key}]; !ok || e.Delete || e.Value != a.Value {
			c.fail("read of what was never written: %v; the history has %+v there", o, e)
		}
	}
}

// writers checks that every value and delete in the history was sent by some operation that may have
// happened.
func (c *historyCheck) writers(ops []Operation) {
	sent := make(map[string]bool)
	deletes := make(map[string]int) // sent, less those that happened, by key
	for _, o := range ops {
		if o.Kind == Delete && (o.Answer.Done || !o.Known) {
			deletes[o.Key]++
		}
		if o.Kind == Put || o.Kind == Swap && (o.Answer.Done || !o.Known) {
			sent[o.Key+"="+o.Value] = true
		}
	}
	for id, revision := range c.byValue {
		if !sent[id] {
			c.fail("%s, at revision %d, is nobody's, or of a write that was refused", id, revision)
		}
	}
	for place, e := range c.at {
		if e.Delete && !e.Expired {
			if deletes[place.key]--; deletes[place.key] < 0 {
				c.fail("key %s is deleted more often than anyone asked, at revision %d among others", place.key, place.revision)
			}
		}
	}
}

// compare checks that the store holds what the history adds up to.
func (c *historyCheck) compare(stored map[string]State) {
	for key, want := range c.state {
		if got, ok := stored[key]; !ok || got != want {
			c.fail("key %s is %+v in the store, %+v by the history", key, got, want)
		}
	}
	for key := range stored {
		if _, ok := c.state[key]; !ok {
			c.fail("key %s is in the store, but deleted or absent by the history", key)
		}
	}
}
