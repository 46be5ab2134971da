package log

import "go.etcd.io/raft/v3/raftpb"

// tail is the newest part of the log in memory: contiguous, ending at the last entry, bounded by bytes. The hot path
// (sending what was just appended, applying what was just committed) is served from it.
type tail struct {
	entries  []*raftpb.Entry
	bytes    uint64
	bytesMax uint64
}

// entryBytes estimates what an entry costs in memory and on the wire. It is called for every entry on the hot path, so it
// doesn't ask protobuf.
func entryBytes(e *raftpb.Entry) uint64 { return uint64(len(e.Data)) + 32 }

// first is the index of the oldest entry in memory; ok is false when there is none.
func (t *tail) first() (index uint64, ok bool) {
	if len(t.entries) == 0 {
		return 0, false
	}
	return t.entries[0].GetIndex(), true
}

// get returns the entry at index, or nil when it isn't in memory.
func (t *tail) get(index uint64) *raftpb.Entry {
	first, ok := t.first()
	if !ok || index < first || index-first >= uint64(len(t.entries)) {
		return nil
	}
	return t.entries[index-first]
}

// slice returns the entries of [lo, hi) up to about maxSize bytes in a new slice. REQUIRES: get(lo) and get(hi-1) exist.
func (t *tail) slice(lo, hi, maxSize uint64) []*raftpb.Entry {
	from := lo - t.entries[0].GetIndex()
	part := t.entries[from : from+hi-lo]
	var size uint64
	n := 0
	for n < len(part) {
		size += entryBytes(part[n])
		if n > 0 && size > maxSize {
			break
		}
		n++
	}
	return append(make([]*raftpb.Entry, 0, n), part[:n]...)
}

// append adds entries, cutting off what they replace, and lets the oldest go beyond the bound.
func (t *tail) append(entries []*raftpb.Entry) {
	if len(entries) == 0 {
		return
	}
	if first, ok := t.first(); ok {
		next := entries[0].GetIndex()
		switch {
		case next < first:
			t.clear()
		case next-first < uint64(len(t.entries)):
			for i, e := range t.entries[next-first:] {
				t.bytes -= entryBytes(e)
				t.entries[next-first+uint64(i)] = nil
			}
			t.entries = t.entries[:next-first]
		}
	}
	for _, e := range entries {
		t.bytes += entryBytes(e)
	}
	t.entries = append(t.entries, entries...)
	n := 0
	for t.bytes > t.bytesMax && n < len(t.entries)-1 {
		t.bytes -= entryBytes(t.entries[n])
		t.entries[n] = nil
		n++
	}
	t.entries = t.entries[n:]
}

// dropTo lets entries up to and including index go.
func (t *tail) dropTo(index uint64) {
	n := 0
	for n < len(t.entries) && t.entries[n].GetIndex() <= index {
		t.bytes -= entryBytes(t.entries[n])
		t.entries[n] = nil
		n++
	}
	t.entries = t.entries[n:]
}

func (t *tail) clear() {
	clear(t.entries)
	t.entries, t.bytes = nil, 0
}
