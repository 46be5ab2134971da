package mvcc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// EventQuery names a piece of history: the events of [key, end) in the
// revisions From to To, both included.
type EventQuery struct {
	Key, End []byte
	From, To int64

	NoPut, NoDelete bool // leave out puts, or deletions
	PrevKV          bool // fill Event.PrevKv where the previous value is known

	// A read ends after the revision that reaches one of these. All must be
	// positive.
	MaxEvents int
	MaxBytes  int // of the events' keys and values, the previous ones included
	MaxRows   int // changes looked at, matching or not
}

// Events reads history in order. next is the first revision it did not look
// at: To+1, or less when a limit was reached. All events of a revision are
// returned together. A From below the compact revision is ErrCompacted; the
// compact revision itself is still there, whole.
func (s *Store) Events(ctx context.Context, q EventQuery) (events []*mvccpb.Event, next int64, err error) {
	v, err := s.view(min(q.To, s.Revision()))
	if err != nil {
		return nil, q.From, err
	}
	defer v.close()
	if q.From < v.compacted {
		return nil, q.From, ErrCompacted
	}
	q.To = min(q.To, v.revision)
	h := history{ctx: ctx, q: q, v: v}
	if len(q.End) == 0 {
		return h.ofKey()
	}
	return h.ofRange()
}

// history is one read of history in progress.
type history struct {
	ctx context.Context
	q   EventQuery
	v   *view

	events []*mvccpb.Event
	bytes  int
	rows   int
}

// full says that a limit is reached.
func (h *history) full() bool {
	return len(h.events) >= h.q.MaxEvents || h.bytes >= h.q.MaxBytes || h.rows >= h.q.MaxRows
}

// ofRange walks the revisions table and looks up the versions that match.
func (h *history) ofRange() (events []*mvccpb.Event, next int64, err error) {
	it := h.v.it
	versions, err := it.Clone(engine.IterOptions{})
	if err != nil {
		return nil, h.q.From, err
	}
	defer func() { _ = versions.Close() }()
	it.SetBounds(
		schema.AppendRevisionKey(nil, schema.Revision{Main: h.q.From}),
		schema.AppendRevisionKey(nil, schema.Revision{Main: h.q.To + 1}),
	)
	last := h.q.From - 1 // the revision of the row before
	for ok := it.First(); ok; ok = it.Next() {
		r, err := schema.DecodeRevisionKey(it.Key())
		if err != nil {
			return nil, h.q.From, corrupt(err)
		}
		if r.Main != last {
			if h.full() {
				return h.events, r.Main, nil
			}
			if err := h.ctx.Err(); err != nil {
				return nil, h.q.From, err
			}
			last = r.Main
		}
		h.rows++
		raw, err := it.Value()
		if err != nil {
			return nil, h.q.From, err
		}
		change, err := schema.DecodeChange(raw)
		if err != nil {
			return nil, h.q.From, corrupt(err)
		}
		if !schema.InRange(change.Key, h.q.Key, h.q.End) || h.skip(change.Tombstone) {
			continue
		}
		ev, err := h.event(versions, bytes.Clone(change.Key), r, change)
		if err != nil {
			return nil, h.q.From, err
		}
		if ev != nil {
			h.add(ev)
		}
	}
	return h.events, h.q.To + 1, it.Err()
}

// skip says that events of this kind are not wanted.
func (h *history) skip(tombstone bool) bool {
	if tombstone {
		return h.q.NoDelete
	}
	return h.q.NoPut
}

// add appends an event.
func (h *history) add(ev *mvccpb.Event) {
	h.events = append(h.events, ev)
	h.bytes += len(ev.Kv.Key) + len(ev.Kv.Value)
	if ev.PrevKv != nil {
		h.bytes += len(ev.PrevKv.Key) + len(ev.PrevKv.Value)
	}
}

// event builds the event of one row of the revisions table; nil when the
// version is gone and may be.
func (h *history) event(versions *engine.Iter, key []byte, r schema.Revision, c schema.Change) (*mvccpb.Event, error) {
	at := view{it: versions}
	wantPrev := h.q.PrevKV && !c.Created && r.Main-1 >= h.v.compacted
	ev := &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: key, ModRevision: r.Main}}
	if c.Tombstone && !wantPrev {
		return ev, nil
	}
	seek := schema.AppendVersionKey(nil, key, r)
	if !versions.SeekPrefixGE(seek) || !bytes.Equal(versions.Key(), seek) {
		if err := versions.Err(); err != nil || r.Main <= h.v.compacted {
			return nil, err // superseded within the compact revision
		}
		return nil, missing(r)
	}
	if !c.Tombstone {
		it, _, err := at.item()
		if err != nil {
			return nil, err
		}
		ev.Type, ev.Kv = mvccpb.Event_PUT, it.keyValue(key)
	}
	if wantPrev && versions.Next() {
		it, live, err := at.item()
		if err != nil {
			return nil, err
		}
		if live {
			ev.PrevKv = it.keyValue(key)
		}
	}
	return ev, versions.Err()
}

// missing is the damage of a revision that has no version.
func missing(r schema.Revision) error {
	return fmt.Errorf("%w: revision %d.%d has no version", engine.ErrCorrupt, r.Main, r.Sub)
}

// keyValue is the item with a copied value and the given key.
func (i *item) keyValue(key []byte) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key:            key,
		Value:          append([]byte(nil), i.value.Value...),
		CreateRevision: i.value.Create,
		ModRevision:    i.mod,
		Version:        i.value.Version,
		Lease:          i.value.Lease,
	}
}

// ofKey walks the versions of one key from the oldest that is asked for to
// the newest: as many records as events, however long the history is.
func (h *history) ofKey() (events []*mvccpb.Event, next int64, err error) {
	it, key := h.v.it, slices.Clone(h.q.Key)
	it.SetBounds(schema.AppendBounds(nil, nil, schema.TableVersions, key, nil))
	var prev *mvccpb.KeyValue
	before := schema.AppendVersionKey(nil, key, schema.LastOf(h.q.From-1))
	if h.q.PrevKV && it.SeekGE(before) {
		i, live, err := h.v.item()
		if err != nil {
			return nil, h.q.From, err
		}
		if live {
			prev = i.keyValue(key)
		}
	}
	last := h.q.From - 1 // the revision of the version before
	for ok := it.SeekLT(before); ok; ok = it.Prev() {
		i, live, err := h.v.item()
		if err != nil {
			return nil, h.q.From, err
		}
		if i.mod > h.q.To {
			break
		}
		if i.mod != last && h.full() {
			return h.events, i.mod, nil
		}
		last = i.mod
		h.rows++
		if h.rows%ctxEvery == 0 && h.ctx.Err() != nil {
			return nil, h.q.From, h.ctx.Err()
		}
		ev := &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: key, ModRevision: i.mod}}
		if live {
			ev.Type, ev.Kv = mvccpb.Event_PUT, i.keyValue(key)
		}
		created := live && i.value.Version == 1
		if h.q.PrevKV && !created && i.mod-1 >= h.v.compacted {
			ev.PrevKv = prev
		}
		prev = nil
		if live {
			prev = ev.Kv
		}
		if !h.skip(!live) {
			h.add(ev)
		}
	}
	return h.events, h.q.To + 1, it.Err()
}

// Previous returns what a key held just before a revision; nil when it did not
// exist, or when that is compacted.
func (s *Store) Previous(key []byte, revision int64) (*mvccpb.KeyValue, error) {
	if revision <= 1 {
		return nil, nil
	}
	r, err := s.Range(context.Background(), key, nil, RangeOptions{Revision: revision - 1})
	switch {
	case errors.Is(err, ErrCompacted):
		return nil, nil
	case err != nil:
		return nil, err
	case len(r.KVs) == 0:
		return nil, nil
	}
	return r.KVs[0], nil
}
