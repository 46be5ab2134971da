package count

import "bytes"

// Span is the keys from Lo on, to before Hi. A nil Hi is no bound.
type Span struct{ Lo, Hi []byte }

// empty says whether the span can hold no key.
func (s Span) empty() bool { return s.Hi != nil && bytes.Compare(s.Lo, s.Hi) >= 0 }

// Cover is a span taken apart by an Index.
type Cover struct {
	Whole int64  // live keys in the runs that lie in the span whole
	Runs  Span   // those runs; empty (Lo == Hi) when there are none
	Parts []Span // at most two pieces of runs, to be scanned
}

// Cover takes s apart. The spans in the result alias s or the index.
func (x *Index) Cover(s Span) Cover {
	if s.empty() {
		return Cover{Runs: Span{Lo: s.Lo, Hi: s.Lo}}
	}
	var c Cover
	first, hasFirst := x.locate(s.Lo), true
	if x.start(first) != string(s.Lo) {
		first, hasFirst = x.next(first)
	}
	end := position{chunk: len(x.chunks)} // after the last run
	if s.Hi != nil {
		end = x.locate(s.Hi)
	}
	// first is the first run that begins in s, end the run that s.Hi lies in.
	if !hasFirst || s.Hi != nil && x.start(first) >= string(s.Hi) {
		c.Runs = Span{Lo: s.Lo, Hi: s.Lo}
		c.Parts = []Span{s}
		return c
	}
	c.Whole = x.sum(first, end)
	c.Runs = Span{Lo: []byte(x.start(first))}
	if !bytes.Equal(s.Lo, c.Runs.Lo) {
		c.Parts = append(c.Parts, Span{Lo: s.Lo, Hi: c.Runs.Lo})
	}
	if s.Hi != nil {
		c.Runs.Hi = []byte(x.start(end))
		if !bytes.Equal(c.Runs.Hi, s.Hi) {
			c.Parts = append(c.Parts, Span{Lo: c.Runs.Hi, Hi: s.Hi})
		}
	}
	return c
}

// Count counts the live keys of s; scan counts those of a piece, with the
// state that the index describes.
func (x *Index) Count(s Span, scan func(Span) (int64, error)) (int64, error) {
	c := x.Cover(s)
	n := c.Whole
	for _, part := range c.Parts {
		k, err := scan(part)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}
