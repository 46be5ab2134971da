package watch

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/schema"
)

// fakeHistory is a naive store: all revisions in a slice. The first is 2, as
// in a new store.
type fakeHistory struct {
	mu        sync.Mutex
	revisions []Revision
	compacted int64
	reads     int
}

func newFakeHistory() *fakeHistory { return &fakeHistory{compacted: schema.Never} }

// current is the newest revision.
func (f *fakeHistory) current() int64 { return int64(len(f.revisions)) + 1 }

// write makes a revision that puts keys, or deletes those that are named with
// a leading "-", if they are there. It returns false when nothing changed.
func (f *fakeHistory) write(keys ...string) (Revision, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := Revision{Main: f.current() + 1}
	seen := map[string]bool{}
	for _, k := range keys {
		name := k
		if k[0] == '-' {
			name = k[1:]
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		prev := f.at(name, r.Main-1)
		if k[0] == '-' {
			if prev != nil {
				r.Events = append(r.Events, &mvccpb.Event{
					Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte(name), ModRevision: r.Main},
				})
			}
			continue
		}
		kv := &mvccpb.KeyValue{
			Key: []byte(name), Value: fmt.Appendf(nil, "%s at %d", name, r.Main),
			CreateRevision: r.Main, ModRevision: r.Main, Version: 1,
		}
		if prev != nil {
			kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
		}
		r.Events = append(r.Events, &mvccpb.Event{Kv: kv})
	}
	if len(r.Events) > 0 {
		f.revisions = append(f.revisions, r)
	}
	return r, len(r.Events) > 0
}

// at is what a key held at a revision, nil if nothing.
func (f *fakeHistory) at(key string, revision int64) (kv *mvccpb.KeyValue) {
	for _, r := range f.revisions {
		if r.Main > revision {
			break
		}
		for _, ev := range r.Events {
			if string(ev.Kv.Key) == key {
				if kv = ev.Kv; ev.Type == mvccpb.Event_DELETE {
					kv = nil
				}
			}
		}
	}
	return kv
}

// events is what a watch from start on shall be given up to a revision.
func (f *fakeHistory) events(key, end []byte, o Options, start, to int64) (events []*mvccpb.Event) {
	for _, r := range f.revisions {
		if r.Main < start || r.Main > to {
			continue
		}
		for _, ev := range r.Events {
			if schema.InRange(ev.Kv.Key, key, end) && o.wants(ev.Type == mvccpb.Event_DELETE) {
				events = append(events, ev)
			}
		}
	}
	return events
}

func (f *fakeHistory) compact(revision int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compacted = max(f.compacted, revision)
}

// CompactRevision implements History.
func (f *fakeHistory) CompactRevision() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.compacted
}

// Events implements History.
func (f *fakeHistory) Events(_ context.Context, q Query) (Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if q.From < f.compacted {
		return Page{CompactRevision: f.compacted}, nil
	}
	p := Page{Next: q.From}
	rows := 0
	for ; p.Next <= min(q.To, f.current()); p.Next++ {
		if rows >= q.Rows || len(p.Events) >= q.Limits.Events {
			return p, nil
		}
		if p.Next > 1 {
			rows += len(f.revisions[p.Next-2].Events)
		}
		for _, ev := range f.events(q.Key, q.End, q.Options, p.Next, p.Next) {
			if q.PrevKV {
				ev = &mvccpb.Event{Type: ev.Type, Kv: ev.Kv, PrevKv: f.previous(string(ev.Kv.Key), p.Next)}
			}
			p.Events = append(p.Events, ev)
		}
	}
	return p, nil
}

// previous is what a key held before a revision, nil if that is compacted.
func (f *fakeHistory) previous(key string, revision int64) *mvccpb.KeyValue {
	if revision-1 < f.compacted {
		return nil
	}
	return f.at(key, revision-1)
}

// Previous implements History.
func (f *fakeHistory) Previous(key []byte, revision int64) (*mvccpb.KeyValue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.previous(string(key), revision), nil
}

// hub returns a hub over f with a ring of a few events and short turns.
func (f *fakeHistory) hub(ringEvents int) *Hub {
	return NewHub(Config{
		History: f, Revision: f.current(), RingEvents: ringEvents,
		Turn: Limits{Events: 5, Bytes: math.MaxInt, Rows: 7},
	})
}

// step is Next that does not wait: idle is true when there is nothing to do.
func (g *Group) step(t require.TestingT) (d *Delivery, idle bool) {
	w, d, err := g.pop()
	require.NoError(t, err)
	if w == nil {
		return d, d == nil
	}
	d, err = g.turn(context.Background(), w)
	require.NoError(t, err)
	return d, false
}

// drain steps until there is nothing to do, which must come.
func (g *Group) drain(t require.TestingT) (all []*Delivery) {
	for steps := 0; ; steps++ {
		require.Less(t, steps, 100_000, "deliveries without end")
		d, idle := g.step(t)
		if idle {
			return all
		}
		if d != nil {
			all = append(all, d)
		}
	}
}
