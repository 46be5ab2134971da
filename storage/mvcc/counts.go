package mvcc

import (
	"errors"
	"fmt"

	"github.com/petcd/petcd/storage/count"
	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// counted is the live-key counts as of a revision.
type counted struct {
	revision int64
	counts   *count.Index
}

// past is the counts of some older revisions, oldest first. Indexes share
// what did not change between them, so one more costs little. It is never
// changed, only replaced.
type past struct {
	kept  []counted
	every int // changes between two that are kept
	since int // changes since the newest one
}

// At first counts are kept every pastEvery changes. With pastMax of them,
// every second one is dropped and the distance doubles.
const (
	pastEvery = 8192
	pastMax   = 64
)

// next is what is published after a batch with this many changes.
func (p *published) next(c counted, changes int, compacted int64) *published {
	n := &published{counted: c, past: p.past}
	n.past.every = max(n.past.every, pastEvery)
	n.past.since += changes
	if n.past.since < n.past.every {
		return n
	}
	n.past.since = 0
	n.past.kept = nil
	for _, k := range p.past.kept {
		if k.revision >= compacted {
			n.past.kept = append(n.past.kept, k)
		}
	}
	if len(n.past.kept) >= pastMax {
		n.past.every *= 2
		half := n.past.kept[:0]
		for i, k := range n.past.kept {
			if i%2 == 1 {
				half = append(half, k)
			}
		}
		n.past.kept = half
	}
	n.past.kept = append(n.past.kept, c)
	return n
}

// nearest is the counts whose revision is nearest to the view's: kept ones, or
// the newest.
func (v *view) nearest() (counts coverer, revision int64) {
	counts, revision = v.counts, v.counted
	for _, k := range v.past.kept {
		// What lies below the compact revision cannot be walked from.
		if k.revision >= v.compacted && distance(k.revision, v.revision) < distance(revision, v.revision) {
			counts, revision = k.counts, k.revision
		}
	}
	return counts, revision
}

// distance is how far two revisions are apart.
func distance(a, b int64) int64 { return max(a-b, b-a) }

// loadCounts reads the runs that the engine holds.
func loadCounts(db *engine.DB) (x *count.Index, err error) {
	lower, upper := schema.TableBounds(schema.TableRuns)
	it, err := db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var bad error
	x, err = count.Load(func(yield func([]byte, int64) bool) {
		for ok := it.First(); ok; ok = it.Next() {
			start, err := schema.RecordBody(it.Key())
			var raw []byte
			if err == nil {
				raw, err = it.Value()
			}
			var n int64
			if err == nil {
				n, err = schema.DecodeRun(raw)
			}
			if err != nil {
				bad = corrupt(err)
				return
			}
			if !yield(start, n) {
				return
			}
		}
		bad = it.Err()
	})
	if bad != nil {
		return nil, bad
	}
	return x, corrupt(err)
}

// sealCounts writes the runs that the batch changed and returns the counts as
// of its end.
func (w *Writer) sealCounts() (*count.Index, error) {
	x, err := w.counts.Seal(w.scanKeys, runWriter{w.b})
	if errors.Is(err, count.ErrMismatch) {
		err = corrupt(err)
	}
	if err != nil {
		return nil, fmt.Errorf("mvcc: count keys: %w", err)
	}
	return x, nil
}

// scanKeys visits the live keys of a span, the batch's changes included.
func (w *Writer) scanKeys(s count.Span, fn func(key []byte) bool) (err error) {
	key, end, ok := bounds(s)
	if !ok {
		return nil
	}
	lower, upper := schema.AppendBounds(nil, nil, schema.TableHeads, key, end)
	if err := w.b.Index(); err != nil {
		return err
	}
	it, err := w.b.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		k, err := schema.RecordBody(it.Key())
		if err != nil {
			return corrupt(err)
		}
		if !fn(k) {
			return nil
		}
	}
	return it.Err()
}

// runWriter writes runs into a batch.
type runWriter struct{ b *engine.Batch }

// SetRun writes the count of a run.
func (w runWriter) SetRun(start []byte, n int64) error {
	var value [schema.RunLenMax]byte
	var key [128]byte
	return w.b.Set(schema.AppendRecordKey(key[:0], schema.TableRuns, start), schema.AppendRun(value[:0], n))
}

// DeleteRun removes a run that was joined to its neighbor.
func (w runWriter) DeleteRun(start []byte) error {
	var key [128]byte
	return w.b.Delete(schema.AppendRecordKey(key[:0], schema.TableRuns, start))
}
