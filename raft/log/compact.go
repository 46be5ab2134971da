package log

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
)

// eraseMin is how many entries are erased at once at least (I5).
const eraseMin = 200

// Compact implements Log.
func (s *store) Compact(index uint64) error {
	s.erasMu.Lock()
	defer s.erasMu.Unlock()

	s.mu.RLock()
	old, last := s.begin, s.last
	s.mu.RUnlock()
	if index <= old.index {
		return nil
	}
	if index > last {
		return fmt.Errorf("log: compact to %d: the log ends at %d", index, last)
	}
	term, err := s.Term(index)
	if err != nil {
		return fmt.Errorf("log: compact to %d: %w", index, err)
	}
	next := begin{index: index, term: term, erased: old.erased}

	b := s.db.NewBatch()
	defer b.Close()
	if index-old.erased >= eraseMin {
		if err := b.DeleteRange(entryKey(old.erased+1), entryKey(index+1), nil); err != nil {
			return err
		}
		next.erased = index
	}
	if err := b.Set([]byte{keyBegin}, next.encode(), nil); err != nil {
		return err
	}
	// It need not be durable: after a crash the log begins earlier, which harms nobody.
	if err := s.write(b, false); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin = next
	s.tail.dropTo(index)
	return nil
}

// Reset implements Log.
func (s *store) Reset(meta *raftpb.SnapshotMetadata, hs *raftpb.HardState) error {
	s.erasMu.Lock()
	defer s.erasMu.Unlock()

	s.mu.RLock()
	h := s.hs
	s.mu.RUnlock()
	if hs != nil {
		h = hardState{term: hs.GetTerm(), vote: hs.GetVote(), commit: hs.GetCommit()}
	}
	if h.term < meta.GetTerm() {
		h.term, h.vote = meta.GetTerm(), 0
	}
	h.commit = meta.GetIndex()
	next := begin{index: meta.GetIndex(), term: meta.GetTerm(), erased: meta.GetIndex()}

	b := s.db.NewBatch()
	defer b.Close()
	if err := b.DeleteRange(entryKey(0), entryKeyEnd(), nil); err != nil {
		return err
	}
	if err := b.Set([]byte{keyBegin}, next.encode(), nil); err != nil {
		return err
	}
	if err := b.Set([]byte{keyHardState}, h.encode(), nil); err != nil {
		return err
	}
	if err := s.mark.lower(next.index); err != nil {
		return s.fail.set(err)
	}
	if err := s.write(b, true); err != nil {
		return err
	}
	s.mu.Lock()
	s.hs, s.begin, s.last = h, next, next.index
	s.synced = mark{next.index, h.term, h.vote}
	durable := s.synced
	s.tail.clear()
	s.mu.Unlock()
	if err := s.mark.set(durable); err != nil {
		return s.fail.set(err)
	}
	return nil
}
