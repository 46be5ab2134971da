package mvcc

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/recent"
	"github.com/petcd/petcd/storage/schema"
)

// firstRevision is the revision of a store nothing was ever written to, as
// etcd counts.
const firstRevision = 1

// Store is the revisions in one engine.
type Store struct {
	db *engine.DB

	// commits is odd while a batch is being committed and published. A reader
	// that saw the same even number before and after it opened its iterator
	// has the heads table exactly as of the published revision.
	commits   atomic.Uint64
	published atomic.Pointer[published]
	compacted atomic.Int64

	heads *headCache // owned by the apply loop
	// recent is what the newest version of a key is; the apply loop forgets what it changes.
	recent *recent.Cache[newest]
}

// published is what readers take as the newest state, replaced as a whole.
type published struct {
	counted
	past past // older counts
}

// Open reads where the revisions in db stand.
func Open(db *engine.DB) (*Store, error) {
	s := &Store{db: db, heads: newHeadCache(headCacheMax), recent: recent.New[newest](recentKeys, recentBytes)}
	p := &published{counted: counted{revision: firstRevision}}
	applied, ok, err := db.Applied()
	if err != nil {
		return nil, err
	}
	if ok {
		p.revision = applied.Revision
	}
	compacted, err := s.stateRevision(schema.StateCompacted)
	if err != nil {
		return nil, err
	}
	if compacted > p.revision {
		return nil, fmt.Errorf("%w: compact revision %d, revision %d", engine.ErrCorrupt, compacted, p.revision)
	}
	if p.counts, err = loadCounts(db); err != nil {
		return nil, err
	}
	s.compacted.Store(compacted)
	s.published.Store(p)
	return s, nil
}

// LoadHeads reads ahead what writers have to know of the keys, where that is
// little. It comes before the first Writer, and may fail: then they read what
// they need.
func (s *Store) LoadHeads() error {
	if s.Keys() > headCacheMax {
		return nil
	}
	if err := s.heads.fill(s.db); err != nil {
		s.heads.reset()
		return fmt.Errorf("mvcc: read the keys: %w", err)
	}
	return nil
}

// Revision is the newest revision, 1 for a store nothing was written to.
func (s *Store) Revision() int64 { return s.published.Load().revision }

// CompactRevision is the revision below which reads fail with ErrCompacted,
// -1 for a store that was never compacted.
func (s *Store) CompactRevision() int64 { return s.compacted.Load() }

// Keys is the number of live keys.
func (s *Store) Keys() int64 { return s.published.Load().counts.Total() }

// stateRevision reads one of the compact revisions in the state table.
func (s *Store) stateRevision(name string) (int64, error) {
	b, err := s.db.Get(nil, schema.AppendRecordKey(nil, schema.TableState, []byte(name)))
	if errors.Is(err, engine.ErrNotFound) {
		return schema.Never, nil
	}
	if err != nil {
		return 0, err
	}
	r, err := schema.DecodeCompacted(b)
	return r, corrupt(err)
}

// corrupt marks a decoding error as damage of the engine's data.
func corrupt(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", engine.ErrCorrupt, err)
}
