package log

import (
	"fmt"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Append implements Log.
func (s *store) Append(hs *raftpb.HardState, entries []*raftpb.Entry, sync bool) error {
	last, err := s.checkFollows(entries)
	if err != nil {
		return err
	}
	b := s.db.NewBatchWithSize(batchBytes(entries))
	defer b.Close()
	newLast := last
	if n := len(entries); n > 0 {
		newLast = entries[n-1].GetIndex()
		if newLast < last {
			// Everything between is overwritten; the rest of the replaced tail has to go.
			if err := b.DeleteRange(entryKey(newLast+1), entryKey(last+1), nil); err != nil {
				return err
			}
		}
		for _, e := range entries {
			op := b.SetDeferred(entryKeySize, entryHeaderSize+len(e.Data))
			putEntryKey(op.Key, e.GetIndex())
			putEntry(op.Value, e)
			if err := op.Finish(); err != nil {
				return err
			}
		}
	}
	var h hardState
	setState := !etcdraft.IsEmptyHardState(hs)
	if setState {
		h = hardState{term: hs.GetTerm(), vote: hs.GetVote(), commit: hs.GetCommit()}
		if err := b.Set([]byte{keyHardState}, h.encode(), nil); err != nil {
			return err
		}
	}
	if len(entries) > 0 {
		if err := s.mark.lower(entries[0].GetIndex() - 1); err != nil {
			return s.fail.set(err)
		}
	}
	if !b.Empty() {
		if err := s.write(b, sync); err != nil {
			return err
		}
	}

	s.mu.Lock()
	s.tail.append(entries)
	s.last = newLast
	if setState {
		s.hs = h
	}
	if sync {
		s.synced = mark{newLast, s.hs.term, s.hs.vote}
	} else if len(entries) > 0 {
		s.synced.last = min(s.synced.last, entries[0].GetIndex()-1)
	}
	durable := s.synced
	s.mu.Unlock()
	if err := s.mark.set(durable); err != nil {
		return s.fail.set(err)
	}
	return nil
}

// checkFollows verifies I1 before a write and returns the index of the last entry.
func (s *store) checkFollows(entries []*raftpb.Entry) (last uint64, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(entries) == 0 {
		return s.last, nil
	}
	first := entries[0].GetIndex()
	if first <= s.begin.index || first > s.last+1 {
		return 0, fmt.Errorf("%w: entry %d, the log has %d to %d", ErrGap, first, s.begin.index+1, s.last)
	}
	for i, e := range entries {
		if e.GetIndex() != first+uint64(i) {
			return 0, fmt.Errorf("%w: entry %d where %d should be", ErrGap, e.GetIndex(), first+uint64(i))
		}
	}
	return s.last, nil
}

// batchBytes is the size of the batch that holds entries and a hard state.
func batchBytes(entries []*raftpb.Entry) int {
	n := 128
	for _, e := range entries {
		n += entryKeySize + entryHeaderSize + len(e.Data) + 8
	}
	return n
}

// Bootstrap implements Log.
func (s *store) Bootstrap(entries []*raftpb.Entry, hs *raftpb.HardState) error {
	s.mu.RLock()
	empty := s.last == 0 && s.hs == hardState{}
	s.mu.RUnlock()
	if !empty {
		return ErrNotEmpty
	}
	return s.Append(hs, entries, true)
}

// SetMetadata implements Log.
func (s *store) SetMetadata(data []byte) error {
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.Set([]byte{keyMetadata}, data, nil); err != nil {
		return err
	}
	if err := s.write(b, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meta = append([]byte(nil), data...)
	return nil
}

var _ Log = (*store)(nil)
