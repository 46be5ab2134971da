package count

import (
	"fmt"
	"slices"
)

// cut replaces the run at p by runs of RunTarget keys, found by a scan. A rest
// of less than RunTarget keys goes to the last one.
func (e *Edit) cut(p position, scan ScanKeys) error {
	start, want := e.x.start(p), e.x.chunks[p.chunk].counts[p.run]
	span := Span{Lo: []byte(start)}
	if q, ok := e.x.next(p); ok {
		span.Hi = []byte(e.x.start(q))
	}
	starts, counts := []string{start}, []int64{0}
	var seen int64
	err := scan(span, func(key []byte) bool {
		if counts[len(counts)-1] == RunTarget && want-seen >= RunTarget {
			starts, counts = append(starts, string(key)), append(counts, 0)
		}
		counts[len(counts)-1]++
		seen++
		return seen <= want
	})
	if err != nil {
		return fmt.Errorf("count: cut run: %w", err)
	}
	if seen != want {
		return fmt.Errorf("%w: run %q counts %d keys, a scan %d", ErrMismatch, start, want, seen)
	}
	c := e.own(p.chunk)
	c.starts = slices.Concat(c.starts[:p.run], starts, c.starts[p.run+1:])
	c.counts = slices.Concat(c.counts[:p.run], counts, c.counts[p.run+1:])
	for _, s := range starts {
		e.touch(s)
	}
	e.halve(p.chunk)
	return nil
}

// halve splits a chunk that has too many runs into pieces of half the limit.
func (e *Edit) halve(i int) {
	c := e.x.chunks[i]
	if len(c.starts) <= chunkMax {
		return
	}
	var pieces []*chunk
	for at := 0; at < len(c.starts); at += chunkMax / 2 {
		to := min(at+chunkMax/2, len(c.starts))
		piece := &chunk{
			starts: slices.Clone(c.starts[at:to]),
			counts: slices.Clone(c.counts[at:to]),
			owner:  e.owner,
		}
		for _, n := range piece.counts {
			piece.sum += n
		}
		pieces = append(pieces, piece)
	}
	e.x.chunks = slices.Concat(e.x.chunks[:i], pieces, e.x.chunks[i+1:])
}

// join adds the run at p to its left neighbor, or the right one to it, if
// both together stay within RunTarget.
func (e *Edit) join(p position) {
	n := e.x.chunks[p.chunk].counts[p.run]
	if left, ok := e.x.previous(p); ok && e.x.chunks[left.chunk].counts[left.run]+n <= RunTarget {
		e.absorb(left, p)
		return
	}
	if right, ok := e.x.next(p); ok && n+e.x.chunks[right.chunk].counts[right.run] <= RunTarget {
		e.absorb(p, right)
	}
}

// previous returns the position before p; ok is false when p is the first run.
func (x *Index) previous(p position) (_ position, ok bool) {
	switch {
	case p.run > 0:
		return position{p.chunk, p.run - 1}, true
	case p.chunk > 0:
		return position{p.chunk - 1, len(x.chunks[p.chunk-1].starts) - 1}, true
	}
	return p, false
}

// absorb moves the count of the run at right to its left neighbor and
// removes it.
func (e *Edit) absorb(left, right position) {
	l, r := e.own(left.chunk), e.own(right.chunk)
	n, start := r.counts[right.run], r.starts[right.run]
	l.counts[left.run] += n
	l.sum += n
	r.sum -= n
	r.starts = slices.Concat(r.starts[:right.run], r.starts[right.run+1:])
	r.counts = slices.Delete(r.counts, right.run, right.run+1)
	e.touch(l.starts[left.run])
	e.touch(start)
	if len(r.starts) == 0 {
		e.x.chunks = slices.Delete(e.x.chunks, right.chunk, right.chunk+1)
	}
}
