package log

import (
	"fmt"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Append implements Log.
func (s *store) Append(hs *raftpb.HardState, entries []*raftpb.Entry, sync bool) error {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if err := s.checkFollows(entries); err != nil {
		return err
	}
	r := record{entries: entries}
	if !etcdraft.IsEmptyHardState(hs) {
		r.hs = &hardState{term: hs.GetTerm(), vote: hs.GetVote(), commit: hs.GetCommit()}
	}
	if len(entries) == 0 && r.hs == nil {
		if !sync || !s.w.unsynced {
			return nil
		}
		r.hs = new(s.hs)
	}
	if len(entries) > 0 {
		if err := s.mark.lower(entries[0].GetIndex() - 1); err != nil {
			return s.fail.set(err)
		}
	}
	at, err := s.write(&r, sync)
	if err != nil {
		return err
	}
	durable, committed := s.appended(&r, at, sync)
	if sync && s.mark.skip(durable, committed) {
		return nil
	}
	return s.noteDurable(durable)
}

// appended makes a written record part of what readers see. It returns what is durable then, and the commit index.
func (s *store) appended(r *record, at position, sync bool) (durable mark, committed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(r.entries); n > 0 {
		at.first = r.entries[0].GetIndex()
		s.positions.add(at)
		s.tail.append(r.entries)
		s.last = r.entries[n-1].GetIndex()
		s.synced.last = min(s.synced.last, at.first-1)
	}
	if r.hs != nil {
		s.hs = *r.hs
	}
	if sync {
		s.synced = mark{s.last, s.hs.term, s.hs.vote}
	}
	return s.synced, s.hs.commit
}

// checkFollows verifies I1 before a write.
func (s *store) checkFollows(entries []*raftpb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	first := entries[0].GetIndex()
	if first <= s.begin.index || first > s.last+1 {
		return fmt.Errorf("%w: entry %d, the log has %d to %d", ErrGap, first, s.begin.index+1, s.last)
	}
	for i, e := range entries {
		if e.GetIndex() != first+uint64(i) {
			return fmt.Errorf("%w: entry %d where %d should be", ErrGap, e.GetIndex(), first+uint64(i))
		}
	}
	return nil
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
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	data = append([]byte{}, data...)
	if _, err := s.write(&record{meta: data}, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meta = data
	return nil
}

var _ Log = (*store)(nil)
