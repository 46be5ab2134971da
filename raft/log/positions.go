package log

import (
	"fmt"
	"sort"

	"go.etcd.io/raft/v3/raftpb"
)

// position is where a record with entries lies. A record holds good until the next one's first entry: what it has from there
// on was replaced.
type position struct {
	first  uint64 // index of its first entry
	seg    *segment
	offset int64
	length int    // with its frame
	before uint32 // checksum of the record before
}

// positions are those of all entries that are kept, in order of their first entries.
type positions []position

// add adds the record that was written last.
func (ps *positions) add(p position) {
	n := sort.Search(len(*ps), func(i int) bool { return (*ps)[i].first >= p.first })
	*ps = append((*ps)[:n], p)
}

// move notes that the record which begins with the entry first (0: it has none) now lies elsewhere.
func (ps positions) move(first uint64, to position) {
	n := sort.Search(len(ps), func(i int) bool { return ps[i].first >= first })
	if first > 0 && n < len(ps) && ps[n].first == first {
		to.first = first
		ps[n] = to
	}
}

// span is the entries of [from, end) in one record.
type span struct {
	position
	from, end uint64
}

// spansMax bounds the records that are read in one go.
const spansMax = 1024

// spans returns where the entries of [lo, hi) lie, or the first of them. REQUIRES: they are kept.
func (ps positions) spans(lo, hi uint64) (spans []span) {
	for n := sort.Search(len(ps), func(i int) bool { return ps[i].first > lo }) - 1; lo < hi && len(spans) < spansMax; n++ {
		end := hi
		if n+1 < len(ps) {
			end = min(hi, ps[n+1].first)
		}
		spans = append(spans, span{ps[n], lo, end})
		lo = end
	}
	return spans
}

// entries reads them.
func (s span) entries() ([]*raftpb.Entry, error) {
	payload, err := s.read()
	if err != nil {
		return nil, err
	}
	r, err := decodeRecord(payload)
	if err != nil {
		return nil, err
	}
	if n := uint64(len(r.entries)); n == 0 || r.entries[0].GetIndex() != s.first || s.end-s.first > n {
		return nil, fmt.Errorf("%w: %s has other entries than %d to %d at offset %d", ErrCorrupt, segmentName(s.seg.seq), s.from, s.end-1, s.offset)
	}
	return r.entries[s.from-s.first : s.end-s.first], nil
}

// dropTo lets records go that have no entry above index.
func (ps *positions) dropTo(index uint64) {
	n := sort.Search(len(*ps), func(i int) bool { return (*ps)[i].first > index+1 })
	if n > 1 {
		*ps = append(positions(nil), (*ps)[n-1:]...)
	}
}

// oldest is the sequence number of the first segment that has an entry which is kept; newest when none is.
func (ps positions) oldest(newest uint64) uint64 {
	for _, p := range ps {
		newest = min(newest, p.seg.seq)
	}
	return newest
}
