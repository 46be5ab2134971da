package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/etcddb"
	"github.com/petcd/petcd/storage/lease"
	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/schema"
)

// Saved is something saved, unpacked into a folder of its own to be looked at.
type Saved struct {
	dir string
	o   Options
	st  *state
}

// Names in a Saved's folder.
const (
	savedEngine = "state"
	savedSorter = "sorter"
)

// OpenSaved unpacks into dir, which must exist and be empty. Close removes what
// it has put there.
func OpenSaved(dir string, o Options, fill Filling) (*Saved, error) {
	o = o.withDefaults()
	if err := fill(dir, savedEngine, o); err != nil {
		return nil, err
	}
	s := &Saved{dir: dir, o: o}
	st, err := openState(o.FS.PathJoin(dir, savedEngine), o)
	if err != nil {
		return nil, dropped(err, o.FS, dir, savedEngine)
	}
	s.st = st
	return s, nil
}

// Record is Store.Record.
func (s *Saved) Record(t Table, key []byte) ([]byte, error) { return record(s.st.db, t, key) }

// Records is Store.Records.
func (s *Saved) Records(t Table) ([]Record, error) { return records(s.st.db, t) }

// Applied is the index and term of the newest entry in it.
func (s *Saved) Applied() (index, term uint64) {
	a := s.st.applied.Load()
	return a.Index, a.Term
}

// Leases are all leases by id.
func (s *Saved) Leases() []lease.Info { return s.st.leases.All() }

// CompactRevision is Store.CompactRevision.
func (s *Saved) CompactRevision() int64 { return s.st.kv.CompactRevision() }

// HashKV is Store.HashKV.
func (s *Saved) HashKV(ctx context.Context, revision int64) (mvcc.Hash, error) {
	return s.st.kv.HashKV(ctx, revision)
}

// WriteRows writes all versions that compaction leaves as rows of a database
// of etcd, in the order of history. They are sorted in an engine of its own on
// disk, since here they lie by key.
func (s *Saved) WriteRows(w *etcddb.Writer) (err error) {
	sorter, err := engine.Create(s.o.FS.PathJoin(s.dir, savedSorter), s.o.engine())
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, sorter.Close(), s.o.FS.RemoveAll(sorter.Dir()))
	}()
	out := newBulk(sorter)
	err = s.st.kv.Rows(func(r mvcc.Row) error {
		kv, err := etcddb.EncodeKV(r.Key, r.Mod.Main, r.Version.Create, r.Version.Version, r.Version.Lease, r.Version.Value)
		if err != nil {
			return err
		}
		kind := byte(0)
		if r.Version.Tombstone {
			kind = 1
		}
		return out.set(schema.AppendRevisionKey(nil, r.Mod), append([]byte{kind}, kv...))
	})
	if err != nil {
		return errors.Join(err, out.drop())
	}
	if err := out.flush(); err != nil {
		return err
	}
	return writeSorted(w, sorter)
}

// writeSorted writes the rows that an engine has in order.
func writeSorted(w *etcddb.Writer, sorter *engine.DB) (err error) {
	lower, upper := schema.TableBounds(schema.TableRevisions)
	it, err := sorter.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		mod, err := schema.DecodeRevisionKey(it.Key())
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		v, err := it.Value()
		if err != nil {
			return err
		}
		if err := w.PutRow(mod.Main, mod.Sub, v[0] == 1, v[1:]); err != nil {
			return err
		}
	}
	return it.Err()
}

// Close removes what OpenSaved has unpacked.
func (s *Saved) Close() error {
	s.st.release()
	return errors.Join(s.st.err, s.o.FS.RemoveAll(s.o.FS.PathJoin(s.dir, savedEngine)))
}
