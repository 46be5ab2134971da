package log

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
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
	v, closer, err := s.db.Get(entryKey(index))
	if errors.Is(err, pebble.ErrNotFound) {
		// Compact erased it after we looked.
		return 0, etcdraft.ErrCompacted
	}
	if err != nil {
		return 0, s.readError(fmt.Errorf("log: read term of entry %d: %w", index, err))
	}
	term, err = decodeEntryTerm(index, v)
	return term, errors.Join(err, closer.Close())
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
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: entryKey(lo), UpperBound: entryKey(hi)})
	if err != nil {
		return nil, s.readError(fmt.Errorf("log: read entries: %w", err))
	}
	var entries []*raftpb.Entry
	var size uint64
	for ok := it.First(); ok; ok = it.Next() {
		var e *raftpb.Entry
		if e, err = decodeEntry(lo+uint64(len(entries)), it.Value()); err != nil {
			break
		}
		var index uint64
		if index, err = decodeEntryKey(it.Key()); err != nil || index != e.GetIndex() {
			break
		}
		size += entryBytes(e)
		if len(entries) > 0 && size > maxSize {
			break
		}
		entries = append(entries, e)
	}
	if err = errors.Join(err, it.Close()); err != nil {
		return nil, s.readError(fmt.Errorf("log: read entries: %w", err))
	}
	if len(entries) == 0 {
		return nil, etcdraft.ErrCompacted
	}
	return entries, nil
}

// readError fails the log when what was read is damaged: it must not be written to any more.
func (s *store) readError(err error) error {
	if pebble.IsCorruptionError(err) || errors.Is(err, ErrCorrupt) {
		return s.fail.set(fmt.Errorf("%w: %w", ErrCorrupt, err))
	}
	return brief{err}
}
