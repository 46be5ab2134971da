package log

import (
	"errors"

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
	entries, err := s.entriesOnDisk(index, index+1, 0)
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

// entriesOnDisk reads the entries that the log has when it begins: what is replaced or removed meanwhile is still in its files.
func (s *store) entriesOnDisk(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	s.files.RLock()
	defer s.files.RUnlock()
	s.mu.RLock()
	begin, last := s.begin.index, s.last
	var records []span
	if lo > begin && hi <= last+1 {
		records = s.positions.spans(lo, hi)
	}
	s.mu.RUnlock()
	switch {
	case lo <= begin:
		return nil, etcdraft.ErrCompacted
	case hi > last+1:
		return nil, etcdraft.ErrUnavailable
	}
	var entries []*raftpb.Entry
	var size uint64
	for _, r := range records {
		more, err := r.entries()
		if err != nil {
			return nil, s.readError(err)
		}
		for _, e := range more {
			size += entryBytes(e)
			if len(entries) > 0 && size > maxSize {
				return entries, nil
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// readError fails the log when what was read is damaged: it must not be written to any more.
func (s *store) readError(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return s.fail.set(err)
	}
	return err
}
