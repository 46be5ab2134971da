package storage

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/snapshot"
)

// Snapshot is the state as of one index, kept beside the live one by hard
// links. Close it, or the disk space of what the live state gives up meanwhile
// is not given back.
type Snapshot struct {
	Index    uint64 // of the newest entry in it
	Term     uint64
	Revision int64

	s       *Store
	dir     string
	taken   time.Time
	archive *snapshot.Archive
}

// Snapshot takes a snapshot that includes at least all that is applied now.
// Writes go on meanwhile.
func (s *Store) Snapshot() (_ *Snapshot, err error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	if err := st.db.Flush(); err != nil {
		return nil, err
	}
	sn := &Snapshot{s: s, taken: time.Now(), dir: s.o.FS.PathJoin(s.dir, s.folders.next(schema.CheckpointPrefix))}
	defer func() {
		if err != nil {
			err = errors.Join(err, sn.Close())
		}
	}()
	if err := st.db.Checkpoint(sn.dir); err != nil {
		return nil, err
	}
	header, err := sn.describe()
	if err != nil {
		return nil, err
	}
	sn.archive, err = snapshot.New(s.o.FS, sn.dir, header, schema.LockFile)
	return sn, err
}

// describe reads what the checkpoint is of. It may be newer than what was
// flushed for it.
func (sn *Snapshot) describe() (h snapshot.Header, err error) {
	o := sn.s.o.engine()
	o.CacheBytes = 1 << 20 // it is read once
	db, err := engine.OpenReadOnly(sn.dir, o)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	applied, _, err := db.Applied()
	if err != nil {
		return h, err
	}
	kv, err := mvcc.Open(db)
	if err != nil {
		return h, err
	}
	sn.Index, sn.Term, sn.Revision = applied.Index, applied.Term, applied.Revision
	return snapshot.Header{
		Index:           applied.Index,
		Term:            applied.Term,
		Revision:        applied.Revision,
		CompactRevision: kv.CompactRevision(),
		Keys:            kv.Keys(),
	}, nil
}

// Size is the exact number of bytes that WriteTo writes.
func (sn *Snapshot) Size() int64 { return sn.archive.Size() }

// WriteTo writes the snapshot as an archive (package snapshot has the format).
func (sn *Snapshot) WriteTo(w io.Writer) (int64, error) { return sn.archive.WriteTo(w) }

// Close removes the snapshot.
func (sn *Snapshot) Close() error {
	observeSince(sn.s.seconds.snapshot, sn.taken)
	if err := sn.s.o.FS.RemoveAll(sn.dir); err != nil {
		return fmt.Errorf("storage: remove checkpoint: %w", err)
	}
	return nil
}

// StageSnapshot reads an archive and verifies it. When it returns without
// error the state in it is durable under the returned name, for
// InstallSnapshot; a restart forgets it. Otherwise nothing is left.
func (s *Store) StageSnapshot(r io.Reader) (name string, err error) {
	began := time.Now()
	name = s.folders.next(schema.StagePrefix)
	if _, err := snapshot.Unpack(r, s.o.FS, s.dir, name); err != nil {
		return "", fmt.Errorf("storage: stage snapshot: %w", err)
	}
	observeSince(s.seconds.stage, began)
	return name, nil
}

// DropStaged removes a staged snapshot that will not be installed.
func (s *Store) DropStaged(name string) error {
	if err := checkStaged(name); err != nil {
		return err
	}
	return s.o.FS.RemoveAll(s.o.FS.PathJoin(s.dir, name))
}

// folderNames hands out names that no other folder of this store has had since
// it was opened. Opening removes all that were left by others.
type folderNames struct {
	mu   sync.Mutex
	last int
}

// next is a new name.
func (f *folderNames) next(prefix string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	return fmt.Sprintf("%s%06d", prefix, f.last)
}
