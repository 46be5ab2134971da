package log

import "sort"

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

// find returns which record has the entry at index, and the index of the first entry that it no longer holds good for (0: it
// is the last record). REQUIRES: the entry is kept.
func (ps positions) find(index uint64) (p position, end uint64) {
	n := sort.Search(len(ps), func(i int) bool { return ps[i].first > index })
	if n < len(ps) {
		end = ps[n].first
	}
	return ps[n-1], end
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
