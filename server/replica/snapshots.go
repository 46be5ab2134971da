package replica

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/storage"
)

// snapshots gives the state to members that are too far behind for the log, and takes it from the leader when this one is.
// It is the transport's view of the state.
type snapshots struct{ r *Replica }

// Open returns the state as it is now.
func (s snapshots) Open() (*raftpb.SnapshotMetadata, io.ReadCloser, error) {
	conf, snap, err := s.take()
	if err != nil {
		return nil, nil, fmt.Errorf("replica: take a snapshot: %w", err)
	}
	index, term := snap.Index, snap.Term
	pr, pw := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, err := snap.WriteTo(pw)
		pw.CloseWithError(errors.Join(err, snap.Close()))
	}()
	return &raftpb.SnapshotMetadata{ConfState: conf, Index: &index, Term: &term}, &snapshotReader{pr, written}, nil
}

// snapshotReader reads what a goroutine writes from the store's files.
type snapshotReader struct {
	*io.PipeReader
	written <-chan struct{} // closed when that goroutine has ended
}

// Close ends the writing and waits for its end: the store may be closed right after.
func (s *snapshotReader) Close() error {
	err := s.PipeReader.Close()
	<-s.written
	return err
}

// take takes a snapshot together with the configuration it holds. A change of members while it is taken makes it unclear
// which of two that is; then it is taken again.
func (s snapshots) take() (*raftpb.ConfState, *storage.Snapshot, error) {
	for {
		conf, before, settled := s.r.point.settled()
		snap, err := s.r.store.Snapshot()
		if err != nil {
			return nil, nil, err
		}
		if _, after, _ := s.r.point.settled(); settled && before == after {
			return conf, snap, nil
		}
		if err := snap.Close(); err != nil {
			return nil, nil, err
		}
	}
}

// Receive stages a state that the leader sends. Its name becomes the data of the message's snapshot.
func (s snapshots) Receive(_ context.Context, m *raftpb.Message, from io.Reader) ([]byte, error) {
	s.r.logger.Info("receiving database snapshot", "from_member_id", hexID(m.GetFrom()), "index", m.GetSnapshot().GetMetadata().GetIndex())
	name, err := s.r.store.StageSnapshot(from)
	if err != nil {
		return nil, fmt.Errorf("replica: stage a snapshot: %w", err)
	}
	return []byte(name), nil
}

// SnapshotMetadata tells raft what a follower could be sent.
func (l *applyLoop) SnapshotMetadata() (*raftpb.SnapshotMetadata, error) {
	return l.r.point.metadata(), nil
}

// InstallSnapshot replaces the state by one that was staged, and everything that is derived from it.
func (l *applyLoop) InstallSnapshot(snap *raftpb.Snapshot) error {
	r, meta := l.r, snap.GetMetadata()
	r.metrics.installing.Set(1)
	defer r.metrics.installing.Set(0)
	r.logger.Info("applying snapshot", "current_applied_index", r.applied.index.Load(), "snapshot_index", meta.GetIndex(), "snapshot_term", meta.GetTerm())
	if err := r.dir.beginInstall(meta.GetIndex()); err != nil {
		return err
	}
	if err := r.store.InstallSnapshot(string(snap.GetData())); err != nil {
		return fmt.Errorf("replica: install snapshot: %w", err)
	}
	index, term := r.store.Applied()
	if index != meta.GetIndex() || term != meta.GetTerm() {
		return fmt.Errorf("%w: installed snapshot is as of index %d, term %d instead of %d, %d", ErrCorrupt, index, term, meta.GetIndex(), meta.GetTerm())
	}
	before := r.cluster.Members()
	if err := errors.Join(r.cluster.Load(r.store), r.applier.Load(r.store)); err != nil {
		return err
	}
	r.cfg.Leases.Replaced()
	r.connect(before)
	r.point.advance(index, term, meta.GetConfState())
	r.applied.advance(index)
	if r.cluster.IsRemoved(r.cluster.LocalID()) {
		r.fail(ErrRemoved)
	}
	return nil
}
