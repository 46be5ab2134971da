package count

import (
	"fmt"
	"iter"
	"sort"
)

// Sizes of runs, in live keys, and of chunks, in runs.
const (
	// RunTarget is what a run is cut to. Smaller runs make the scans at a
	// range's ends shorter and the index larger.
	RunTarget = 500
	// RunMax is the count above which Seal cuts a run.
	RunMax = 1000
	// runMin is the count below which Seal joins a run with a neighbor, if
	// both together stay within RunTarget.
	runMin = RunTarget / 4
	// chunkMax is the number of runs above which a chunk is halved.
	chunkMax = 256
)

// Index is an immutable set of runs. The runs lie in chunks, each with its
// sum, so that a prefix sum visits chunks and not runs, and an Edit copies
// chunks and not the whole.
type Index struct {
	chunks []*chunk // never empty, nor is any chunk
	total  int64
}

// chunk is a stretch of neighboring runs.
type chunk struct {
	starts []string // first possible key of each run
	counts []int64
	sum    int64
	owner  *owner // the edit that made this copy, the only one to change it
}

// owner marks the chunks of one Edit. It has a size so that two are distinct.
type owner struct{ _ byte }

// New returns the index of no keys.
func New() *Index {
	return &Index{chunks: []*chunk{{starts: []string{""}, counts: []int64{0}}}}
}

// Load builds an index from persisted runs in key order: start and count. No
// runs at all is the index of no keys.
func Load(runs iter.Seq2[[]byte, int64]) (*Index, error) {
	x := &Index{}
	var last *chunk
	var previous string
	for start, n := range runs {
		s := string(start)
		switch {
		case n < 0:
			return nil, fmt.Errorf("%w: run %q holds %d", ErrMismatch, s, n)
		case last == nil && s != "":
			return nil, fmt.Errorf("%w: the first run begins at %q", ErrMismatch, s)
		case last != nil && s <= previous:
			return nil, fmt.Errorf("%w: run %q after %q", ErrMismatch, s, previous)
		}
		if last == nil || len(last.starts) == chunkMax/2 {
			last = &chunk{}
			x.chunks = append(x.chunks, last)
		}
		last.starts = append(last.starts, s)
		last.counts = append(last.counts, n)
		last.sum += n
		x.total += n
		previous = s
	}
	if last == nil {
		return New(), nil
	}
	return x, nil
}

// Total is the number of live keys.
func (x *Index) Total() int64 { return x.total }

// Runs yields all runs in key order: start and count.
func (x *Index) Runs() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for _, c := range x.chunks {
			for i, s := range c.starts {
				if !yield(s, c.counts[i]) {
					return
				}
			}
		}
	}
}

// position names a run: the chunk and the place in it.
type position struct{ chunk, run int }

// locate returns the run that key lies in.
func (x *Index) locate(key []byte) position {
	c := sort.Search(len(x.chunks), func(i int) bool { return x.chunks[i].starts[0] > string(key) }) - 1
	starts := x.chunks[c].starts
	return position{c, sort.Search(len(starts), func(i int) bool { return starts[i] > string(key) }) - 1}
}

// start returns the first key of the run at p.
func (x *Index) start(p position) string { return x.chunks[p.chunk].starts[p.run] }

// next returns the position after p; ok is false when p is the last run.
func (x *Index) next(p position) (_ position, ok bool) {
	p.run++
	if p.run == len(x.chunks[p.chunk].starts) {
		p = position{p.chunk + 1, 0}
	}
	return p, p.chunk < len(x.chunks)
}

// sum adds up the runs from p on, to before q.
func (x *Index) sum(p, q position) int64 {
	var n int64
	for c := p.chunk; c < q.chunk; c++ {
		n += x.chunks[c].sum
	}
	// The runs of p's chunk before p are too many, those of q's before q missing.
	for _, k := range x.chunks[p.chunk].counts[:p.run] {
		n -= k
	}
	if q.chunk < len(x.chunks) {
		for _, k := range x.chunks[q.chunk].counts[:q.run] {
			n += k
		}
	}
	return n
}
