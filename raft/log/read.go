package log

import (
	"errors"
	"fmt"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// InitialState implements Log.
func (s *store) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	cs := raftpb.EnsureConfState(nil)
	if s.hs == (hardState{}) {
		return nil, cs, nil
	}
	return &raftpb.HardState{Term: new(s.hs.term), Vote: new(s.hs.vote), Commit: new(s.hs.commit)}, cs, nil
}

// FirstIndex implements Log.
func (s *store) FirstIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.begin.index + 1, nil
}

// LastIndex implements Log.
func (s *store) LastIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last, nil
}

// Metadata implements Log.
func (s *store) Metadata() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta
}

// Term implements Log.
func (s *store) Term(index uint64) (uint64, error) {
	term, found, err := s.termInMemory(index)
	if found || err != nil {
		return term, err
	}
	entries, err := s.recordOf(index)
	if err != nil {
		return 0, err
	}
	return entries[0].GetTerm(), nil
}

func (s *store) termInMemory(index uint64) (term uint64, found bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case index < s.begin.index:
		return 0, false, etcdraft.ErrCompacted
	case index == s.begin.index:
		return s.begin.term, true, nil
	case index > s.last:
		return 0, false, etcdraft.ErrUnavailable
	}
	if e := s.tail.get(index); e != nil {
		return e.GetTerm(), true, nil
	}
	return 0, false, nil
}

// Entries implements Log.
func (s *store) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	entries, err := s.entriesInMemory(lo, hi, maxSize)
	if entries != nil || err != nil || lo >= hi {
		return entries, err
	}
	return s.entriesOnDisk(lo, hi, maxSize)
}

func (s *store) entriesInMemory(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case lo <= s.begin.index:
		return nil, etcdraft.ErrCompacted
	case hi > s.last+1:
		return nil, etcdraft.ErrUnavailable
	}
	if first, ok := s.tail.first(); !ok || lo < first || lo >= hi {
		return nil, nil
	}
	return s.tail.slice(lo, hi, maxSize), nil
}

func (s *store) entriesOnDisk(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	var entries []*raftpb.Entry
	var size uint64
	for next := lo; next < hi; next = lo + uint64(len(entries)) {
		more, err := s.recordOf(next)
		if errors.Is(err, etcdraft.ErrCompacted) && len(entries) > 0 {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range more[:min(hi-next, uint64(len(more)))] {
			size += entryBytes(e)
			if len(entries) > 0 && size > maxSize {
				return entries, nil
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// recordOf reads the entries from index on that lie in one record.
func (s *store) recordOf(index uint64) ([]*raftpb.Entry, error) {
	s.files.RLock()
	defer s.files.RUnlock()
	s.mu.RLock()
	if index <= s.begin.index {
		s.mu.RUnlock()
		return nil, etcdraft.ErrCompacted // after we looked
	}
	at, end := s.positions.find(index)
	s.mu.RUnlock()
	payload, err := at.read()
	if err != nil {
		return nil, s.readError(err)
	}
	r, err := decodeRecord(payload)
	if err == nil && (len(r.entries) == 0 || r.entries[0].GetIndex() != at.first) {
		err = fmt.Errorf("%w: another record lies where entry %d should", ErrCorrupt, at.first)
	}
	if err != nil {
		return nil, s.readError(err)
	}
	entries := cut(r.entries, index, end)
	if len(entries) == 0 {
		return nil, s.readError(fmt.Errorf("%w: entry %d is missing", ErrCorrupt, index))
	}
	return entries, nil
}

// cut leaves of a record's entries those from an index on, and below end, where they were replaced (0: they were not).
func cut(entries []*raftpb.Entry, from, end uint64) []*raftpb.Entry {
	first := entries[0].GetIndex()
	if end != 0 && end < first+uint64(len(entries)) {
		entries = entries[:end-first]
	}
	return entries[min(from-first, uint64(len(entries))):]
}

// readError fails the log when what was read is damaged: it must not be written to any more.
func (s *store) readError(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return s.fail.set(err)
	}
	return err
}
