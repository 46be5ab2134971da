package mvcc

import (
	"bytes"
	"context"

	"github.com/petcd/petcd/storage/count"
	"github.com/petcd/petcd/storage/schema"
)

// coverer is a set of live-key counts: an Index, or an Edit that is ahead of
// it by the batch being built.
type coverer interface{ Cover(count.Span) count.Cover }

// countSpan is [key, end), which is more than one key, as package count
// names it.
func countSpan(key, end []byte) count.Span {
	if schema.IsFromKey(end) {
		return count.Span{Lo: key}
	}
	return count.Span{Lo: key, Hi: end}
}

// bounds is a span by etcd's convention; ok is false when the span is empty.
// The convention has no word for "up to \x00", which is the empty key alone.
func bounds(s count.Span) (key, end []byte, ok bool) {
	switch {
	case s.Hi == nil:
		return s.Lo, []byte{0}, true
	case bytes.Compare(s.Lo, s.Hi) >= 0:
		return nil, nil, false
	case schema.IsFromKey(s.Hi):
		return s.Lo, nil, true
	}
	return s.Lo, s.Hi, true
}

// count is the number of live keys in [key, end) as the view sees them.
//
// At the revision of the counts it is the whole runs' sum and a scan of the
// two ends. At an older one the sum is corrected by the creations and
// deletions since (each change says which it was, so no key is looked up),
// starting from the counts that were kept nearest to the revision; where more
// has changed than there is to count, the keys themselves are scanned.
func (v *view) count(ctx context.Context, key, end []byte) (int64, error) {
	if len(end) == 0 {
		v.it.SetBounds(nil, nil)
		_, ok, err := v.get(key)
		if err != nil || !ok {
			return 0, err
		}
		return 1, nil
	}
	if emptyRange(key, end) {
		return 0, nil
	}
	counts, counted := v.nearest()
	span := countSpan(key, end)
	if len(key) == 1 && key[0] == 0 {
		// "All keys" is asked for in these words. Only the empty key lies before
		// it: without that the first run need not be scanned.
		v.it.SetBounds(nil, nil) // of the scan before
		_, ok, err := v.get(nil)
		if err != nil {
			return 0, err
		}
		if !ok {
			span.Lo = nil
		}
	}
	c := counts.Cover(span)
	if counted != v.revision {
		delta, ok, err := v.drift(ctx, counted, c)
		if err != nil {
			return 0, err
		}
		if !ok {
			return v.countKeys(ctx, key, end)
		}
		c.Whole += delta
	}
	for _, part := range c.Parts {
		lo, hi, ok := bounds(part)
		if !ok {
			continue
		}
		n, err := v.countKeys(ctx, lo, hi)
		if err != nil {
			return 0, err
		}
		c.Whole += n
	}
	return c.Whole, nil
}

// countKeys counts by visiting every key.
func (v *view) countKeys(ctx context.Context, key, end []byte) (n int64, err error) {
	visit := func(item) bool { n++; return true }
	if v.headsExact {
		err = v.scanHeads(ctx, key, end, visit)
	} else {
		err = v.scan(ctx, key, end, visit)
	}
	return n, err
}

// A row of history is read about this much faster than a key is visited, and
// some rows are always worth reading.
const (
	rowsPerKey = 4
	rowsFree   = 1024
)

// drift is by how much the whole runs of c, counted at a revision, differ at
// the view's. ok is false when there is so much history between the two that
// visiting the keys is cheaper.
func (v *view) drift(ctx context.Context, counted int64, c count.Cover) (delta int64, ok bool, err error) {
	key, end, some := bounds(c.Runs)
	if !some {
		return 0, true, nil
	}
	// Changes in (from, to] lie between the two; those before the view's
	// revision are missing in the counts, those after too many.
	from, to, sign := counted, v.revision, int64(+1)
	if from > to {
		from, to, sign = to, from, -1
	}
	budget := c.Whole*rowsPerKey + rowsFree
	if to-from > budget {
		return 0, false, nil
	}
	v.it.SetBounds(
		schema.AppendRevisionKey(nil, schema.Revision{Main: from + 1}),
		schema.AppendRevisionKey(nil, schema.Revision{Main: to + 1}),
	)
	for ok := v.it.First(); ok; ok = v.it.Next() {
		if budget--; budget < 0 {
			return 0, false, nil
		}
		if budget%ctxEvery == 0 && ctx.Err() != nil {
			return 0, false, ctx.Err()
		}
		raw, err := v.it.Value()
		if err != nil {
			return 0, false, err
		}
		change, err := schema.DecodeChange(raw)
		if err != nil {
			return 0, false, corrupt(err)
		}
		if !change.Created && !change.Tombstone || !schema.InRange(change.Key, key, end) {
			continue
		}
		if change.Created {
			delta += sign
		} else {
			delta -= sign
		}
	}
	return delta, true, v.it.Err()
}
