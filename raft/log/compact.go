package log

import (
	"errors"
	"fmt"
	"slices"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Compact implements Log.
func (s *store) Compact(index uint64) error {
	old, err := s.compact(index)
	s.remove(old)
	return err
}

// compact moves the log's beginning and returns the segments that nothing needs any more.
func (s *store) compact(index uint64) (old []*segment, err error) {
	if last, _ := s.LastIndex(); index > last {
		return nil, fmt.Errorf("log: compact to %d: the log ends at %d", index, last)
	}
	term, err := s.Term(index) // which may read: not while appends wait
	if errors.Is(err, etcdraft.ErrCompacted) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("log: compact to %d: %w", index, err)
	}
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	s.mu.RLock()
	before, last, kept := s.begin, s.last, slices.Clone(s.positions)
	s.mu.RUnlock()
	if index <= before.index || index > last { // a Reset came between
		return nil, nil
	}
	kept.dropTo(index)
	oldest := kept.oldest(s.w.newest)
	// The new beginning need not be durable, as after a crash the log begins earlier, which harms nobody; unless what the
	// old one needs is removed.
	next := begin{index: index, term: term}
	removes := s.segments[0].seq < oldest
	if _, err := s.write(&record{begin: &next}, removes); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin = next
	s.tail.dropTo(index)
	s.positions.dropTo(index)
	return s.cutSegments(oldest), nil
}

// cutSegments forgets the segments below a sequence number and returns them, where their disks answer.
func (s *store) cutSegments(oldest uint64) (old []*segment) {
	kept := s.segments[:0:0]
	for _, seg := range s.segments {
		if seg.seq < oldest && !s.w.second.hangs(seg.place) {
			old = append(old, seg)
		} else {
			kept = append(kept, seg)
		}
	}
	s.segments = kept
	return old
}

// Reset implements Log.
func (s *store) Reset(meta *raftpb.SnapshotMetadata, hs *raftpb.HardState) error {
	old, err := s.reset(meta, hs)
	s.remove(old)
	return err
}

// reset begins a segment that has nothing but the new beginning, and returns those before it.
func (s *store) reset(meta *raftpb.SnapshotMetadata, hs *raftpb.HardState) (old []*segment, err error) {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if err := s.fail.get(); err != nil {
		return nil, err
	}
	r := s.headRecord()
	if hs != nil {
		r.hs = &hardState{term: hs.GetTerm(), vote: hs.GetVote()}
	}
	if r.hs.term < meta.GetTerm() {
		r.hs.term, r.hs.vote = meta.GetTerm(), 0
	}
	r.hs.commit = meta.GetIndex()
	r.begin = &begin{index: meta.GetIndex(), term: meta.GetTerm()}
	r.head.last = meta.GetIndex()
	if err := s.mark.lower(r.head.last); err != nil {
		return nil, s.fail.set(err)
	}
	if err := s.rotate(r); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.hs, s.begin, s.last = *r.hs, *r.begin, r.head.last
	s.synced = mark{s.last, s.hs.term, s.hs.vote}
	durable := s.synced
	s.tail.clear()
	s.positions = nil
	old = s.cutSegments(s.w.newest)
	s.mu.Unlock()
	return old, s.noteDurable(durable)
}
