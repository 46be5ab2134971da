package count

import (
	"fmt"
	"maps"
	"slices"
)

// Edit collects the changes of one batch to an Index. It counts like an Index
// all along; Seal makes one of it.
type Edit struct {
	x     Index
	owner *owner
	dirty map[string]struct{} // starts of runs that changed, came or went
	err   error               // the first count that went below zero
}

// Writer persists runs. Its calls belong into the batch that holds the changes.
type Writer interface {
	SetRun(start []byte, n int64) error
	DeleteRun(start []byte) error
}

// ScanKeys calls fn with the live keys of s in order until fn returns false.
// The key is only valid during the call.
type ScanKeys func(s Span, fn func(key []byte) bool) error

// Edit begins changes on top of x.
func (x *Index) Edit() *Edit {
	return &Edit{x: *x, owner: new(owner)}
}

// Add notes that key came to life (delta +1) or died (delta -1).
func (e *Edit) Add(key []byte, delta int64) {
	p := e.x.locate(key)
	c := e.own(p.chunk)
	c.counts[p.run] += delta
	c.sum += delta
	e.x.total += delta
	e.touch(c.starts[p.run])
	if c.counts[p.run] < 0 && e.err == nil {
		e.err = fmt.Errorf("%w: run %q fell below zero", ErrMismatch, c.starts[p.run])
	}
}

// Total is the number of live keys, changes included.
func (e *Edit) Total() int64 { return e.x.total }

// Count is Index.Count, changes included: scan must see them too.
func (e *Edit) Count(s Span, scan func(Span) (int64, error)) (int64, error) {
	return e.x.Count(s, scan)
}

// Cover is Index.Cover, changes included.
func (e *Edit) Cover(s Span) Cover { return e.x.Cover(s) }

// touch marks a run for Seal.
func (e *Edit) touch(start string) {
	if e.dirty == nil {
		e.dirty = make(map[string]struct{})
	}
	e.dirty[start] = struct{}{}
}

// own returns chunk i for changing its counts, copied if this edit did not
// make it. Starts stay shared: who changes them clones them.
func (e *Edit) own(i int) *chunk {
	c := e.x.chunks[i]
	if c.owner == e.owner {
		return c
	}
	if e.dirty == nil {
		e.x.chunks = slices.Clone(e.x.chunks)
		e.dirty = make(map[string]struct{})
	}
	c = &chunk{starts: c.starts, counts: slices.Clone(c.counts), sum: c.sum, owner: e.owner}
	e.x.chunks[i] = c
	return c
}

// Seal cuts runs that grew too large and joins those that are nearly empty,
// persists every run that changed once, and returns the index of it all. scan
// must see the edit's changes. The edit must not be used afterwards. Without
// changes it returns an equal index and writes nothing.
func (e *Edit) Seal(scan ScanKeys, w Writer) (*Index, error) {
	if e.err != nil {
		return nil, e.err
	}
	if len(e.dirty) == 0 {
		x := e.x
		return &x, nil
	}
	for _, start := range slices.Sorted(maps.Keys(e.dirty)) {
		p := e.x.locate([]byte(start))
		if e.x.start(p) != start {
			continue // joined to its neighbor meanwhile
		}
		switch n := e.x.chunks[p.chunk].counts[p.run]; {
		case n > RunMax:
			if err := e.cut(p, scan); err != nil {
				return nil, err
			}
		case n < runMin:
			e.join(p)
		}
	}
	for _, start := range slices.Sorted(maps.Keys(e.dirty)) {
		p := e.x.locate([]byte(start))
		var err error
		if e.x.start(p) == start {
			err = w.SetRun([]byte(start), e.x.chunks[p.chunk].counts[p.run])
		} else {
			err = w.DeleteRun([]byte(start))
		}
		if err != nil {
			return nil, fmt.Errorf("count: write run: %w", err)
		}
	}
	x := e.x
	return &x, nil
}
