package storage

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/watch"
)

// NewWatchGroup returns the watches of one client stream. Close it.
func (s *Store) NewWatchGroup() *watch.Group { return s.hub.NewGroup() }

// publish shows the events of a committed batch to watchers.
func (s *Store) publish(events []mvcc.Event) {
	var revisions []watch.Revision
	for i := range events {
		e := &events[i]
		if n := len(revisions); n == 0 || revisions[n-1].Main != e.Mod.Main {
			revisions = append(revisions, watch.Revision{Main: e.Mod.Main})
		}
		r := &revisions[len(revisions)-1]
		r.Events = append(r.Events, &mvccpb.Event{Type: e.Type(), Kv: e.KeyValue()})
	}
	s.hub.Publish(revisions)
}

// history is what watchers read when the ring of recent events has left them
// behind.
type history struct{ s *Store }

// CompactRevision implements watch.History.
func (h history) CompactRevision() int64 { return h.s.CompactRevision() }

// Events implements watch.History.
func (h history) Events(ctx context.Context, q watch.Query) (watch.Page, error) {
	st, err := h.s.acquire()
	if err != nil {
		return watch.Page{}, err
	}
	defer st.release()
	events, next, err := st.kv.Events(ctx, mvcc.EventQuery{
		Key: q.Key, End: q.End, From: q.From, To: q.To,
		NoPut: q.NoPut, NoDelete: q.NoDelete, PrevKV: q.PrevKV,
		MaxEvents: q.Limits.Events, MaxBytes: q.Bytes, MaxRows: q.Rows,
	})
	if errors.Is(err, mvcc.ErrCompacted) {
		return watch.Page{CompactRevision: st.kv.CompactRevision()}, nil
	}
	return watch.Page{Events: events, Next: next}, err
}

// Previous implements watch.History.
func (h history) Previous(key []byte, revision int64) (*mvccpb.KeyValue, error) {
	st, err := h.s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	return st.kv.Previous(key, revision)
}
