package conformance

import (
	"bytes"
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// settle waits until the watches of both sides have delivered the same, and
// all of what they had to; a difference that stays is the error.
func (d *differential) settle(ctx context.Context) error {
	deadline := time.Now().Add(d.patience)
	for {
		err := d.compareWatches()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// catchUp waits until every watch of the past has come up to the present. That nothing is due does not say so: etcd looks
// at a new watch's history up to 100 ms later, and a compaction in between ends it.
func (d *differential) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	for _, s := range []*side{d.a, d.b} {
		for _, w := range s.watches {
			for !w.caughtUp(d.gen.revision) {
				// Asked again and again: etcd forgets what it is asked too early.
				if err := w.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return fmt.Errorf("watch %v does not catch up on %s: %w", w.request, s.name, ctx.Err())
				case <-time.After(5 * time.Millisecond):
				}
			}
		}
	}
	return nil
}

// caughtUp tells whether a watch needs no history up to a revision any more.
func (w *recordedWatch) caughtUp(revision int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.canceled || w.broken != nil || w.progress >= revision ||
		w.request.StartRevision == 0 || w.request.StartRevision > revision
}

// compareWatches compares every watch of a with its twin of b and with the
// reference.
func (d *differential) compareWatches() error {
	for i := range d.a.watches {
		a, b := d.a.watches[i], d.b.watches[i]
		a.mu.Lock()
		b.mu.Lock()
		err := d.comparePair(a, b, i == 0)
		a.mu.Unlock()
		b.mu.Unlock()
		if err != nil {
			return fmt.Errorf("watch %v: %w", a.request, err)
		}
	}
	return nil
}

// comparePair compares two watches whose locks are held. The first pair saw
// everything from the beginning and becomes the reference.
func (d *differential) comparePair(a, b *recordedWatch, first bool) error {
	switch {
	case a.broken != nil:
		return fmt.Errorf("%s: %w", d.a.name, a.broken)
	case b.broken != nil:
		return fmt.Errorf("%s: %w", d.b.name, b.broken)
	case a.created != b.created:
		return fmt.Errorf("created at revision %d on %s, %d on %s", a.created, d.a.name, b.created, d.b.name)
	case a.canceled != b.canceled || a.compacted != b.compacted:
		return fmt.Errorf("canceled %v (compacted %d) on %s, %v (%d) on %s",
			a.canceled, a.compacted, d.a.name, b.canceled, b.compacted, d.b.name)
	}
	if first {
		d.reference = a.events
		// The last write of all must have come: a put, a delete, a txn or a
		// revocation each ends at the current revision.
		if n := len(a.events); d.gen.revision > 1 && (n == 0 || a.events[n-1].Kv.ModRevision != d.gen.revision) {
			return fmt.Errorf("%s: events up to revision %d are missing", d.a.name, d.gen.revision)
		}
	}
	for i := range min(len(a.events), len(b.events)) {
		if !proto.Equal(a.events[i], b.events[i]) {
			return fmt.Errorf("event %d:\n%s has %v\n%s has %v", i, d.a.name, a.events[i], d.b.name, b.events[i])
		}
	}
	if len(a.events) != len(b.events) {
		return fmt.Errorf("%d events on %s, %d on %s", len(a.events), d.a.name, len(b.events), d.b.name)
	}
	if want := d.due(a); len(want) != len(a.events) {
		return fmt.Errorf("%d events on both sides, %d were due", len(a.events), len(want))
	}
	return nil
}

// due selects from the reference what a watch must have delivered by now.
func (d *differential) due(w *recordedWatch) []*mvccpb.Event {
	if w.canceled {
		return nil
	}
	from := w.request.StartRevision
	if from == 0 {
		from = w.created + 1
	}
	var due []*mvccpb.Event
	for _, ev := range d.reference {
		if ev.Kv.ModRevision >= from && watched(w.request, ev) {
			due = append(due, ev)
		}
	}
	return due
}

// watched says whether a watch's range and filters let an event through.
func watched(r *pb.WatchCreateRequest, ev *mvccpb.Event) bool {
	for _, f := range r.Filters {
		if f == pb.WatchCreateRequest_NOPUT && ev.Type == mvccpb.Event_PUT ||
			f == pb.WatchCreateRequest_NODELETE && ev.Type == mvccpb.Event_DELETE {
			return false
		}
	}
	key, end := r.Key, r.RangeEnd
	if len(key) == 0 {
		key = []byte{0}
	}
	switch {
	case len(end) == 0:
		return bytes.Equal(ev.Kv.Key, key)
	case len(end) == 1 && end[0] == 0:
		return bytes.Compare(ev.Kv.Key, key) >= 0
	default:
		return bytes.Compare(ev.Kv.Key, key) >= 0 && bytes.Compare(ev.Kv.Key, end) < 0
	}
}
