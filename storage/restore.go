package storage

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/v2store"
)

// Restore makes a state in dir, a new one, out of something saved, and lets
// edit fit it to the cluster that goes on with it. When it returns without
// error the state is durable; otherwise dir holds leftovers that Open would
// remove, and no state.
func Restore(dir string, o Options, fill Filling, edit func(*Edit) error) (err error) {
	o = o.withDefaults()
	if err := makeFolder(o.FS, dir); err != nil {
		return err
	}
	lock, err := lockFolder(o.FS, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	names, err := o.FS.List(dir)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	for _, n := range names {
		if n != schema.LockFile {
			return fmt.Errorf("storage: restore into %s: %s is there", dir, n)
		}
	}
	if err := fill(dir, initFolder, o); err != nil {
		return fmt.Errorf("storage: restore: %w", err)
	}
	if err := applyEdit(o.FS.PathJoin(dir, initFolder), o, edit); err != nil {
		return fmt.Errorf("storage: restore: %w", err)
	}
	if err := o.FS.Rename(o.FS.PathJoin(dir, initFolder), o.FS.PathJoin(dir, firstEngine)); err != nil {
		return fmt.Errorf("storage: restore: %w", err)
	}
	if err := syncDir(o.FS, dir); err != nil {
		return fmt.Errorf("storage: restore: %w", err)
	}
	return writePointer(o.FS, dir, firstEngine)
}

// Edit is the changes to a restored state. They are made together, or not at
// all.
type Edit struct {
	st      *state
	b       *engine.Batch
	applied schema.Applied
	v2      *v2store.Writer // nil until something is asked of the v2 tree
	compact bool            // rewrite all, so that what was dropped is in no file any more
}

// applyEdit runs edit on the engine in dir and makes what it did durable.
func applyEdit(dir string, o Options, edit func(*Edit) error) error {
	st, err := openState(dir, o)
	if err != nil {
		return err
	}
	e := &Edit{st: st, b: st.db.NewBatch(), applied: *st.applied.Load()}
	if err = edit(e); err == nil && e.v2 != nil {
		err = e.v2.Seal()
	}
	if err == nil {
		err = e.b.SetApplied(e.applied)
	}
	if err != nil {
		return errors.Join(err, e.b.Close(), st.db.Close())
	}
	if err = e.b.Commit(); err == nil {
		err = st.db.Flush()
	}
	if err == nil && e.compact {
		err = st.db.Compact(context.Background())
	}
	return errors.Join(err, st.db.Close())
}

// Record is Store.Record, as of before the edit.
func (e *Edit) Record(t Table, key []byte) ([]byte, error) { return record(e.st.db, t, key) }

// Records is Store.Records, as of before the edit.
func (e *Edit) Records(t Table) ([]Record, error) { return records(e.st.db, t) }

// SetRecord writes a small record.
func (e *Edit) SetRecord(t Table, key, value []byte) error {
	return e.b.Set(schema.AppendRecordKey(nil, t, key), value)
}

// DeleteRecord removes a small record.
func (e *Edit) DeleteRecord(t Table, key []byte) error {
	return e.b.Delete(schema.AppendRecordKey(nil, t, key))
}

// Revision is the newest revision, a Bump included.
func (e *Edit) Revision() int64 { return e.applied.Revision }

// SetApplied says after which entry of the new cluster's log the state begins.
func (e *Edit) SetApplied(index, term uint64) { e.applied.Index, e.applied.Term = index, term }

// Bump makes the newest revision greater and compacts all before it. Whoever
// watched the cluster that the state was saved from is ahead of what was
// saved, but not of this: it gets ErrCompacted and begins anew, where it would
// otherwise wait for revisions that mean something else now.
func (e *Edit) Bump(by int64) error {
	if by < 1 || by > math.MaxInt64/2-e.applied.Revision {
		return fmt.Errorf("storage: revision %d cannot be bumped by %d", e.applied.Revision, by)
	}
	e.applied.Revision += by
	return e.b.Set(schema.AppendRecordKey(nil, schema.TableState, []byte(schema.StateCompacted)),
		schema.AppendCompacted(nil, e.applied.Revision))
}

// DropKeys takes everything out of the state but the v2 tree and the records
// of the members: keys with their history, leases, users and roles, alarms. The
// revision is that of a new store.
func (e *Edit) DropKeys() error {
	tables := []Table{
		schema.TableHeads, schema.TableVersions, schema.TableRevisions, schema.TableLeases, schema.TableLeaseKeys,
		schema.TableRuns, schema.TableAlarms, schema.TableAuth, schema.TableAuthUsers, schema.TableAuthRoles,
	}
	for _, t := range tables {
		lower, upper := schema.TableBounds(t)
		if err := e.b.DeleteRange(lower, upper); err != nil {
			return err
		}
	}
	for _, name := range []string{schema.StateCompacted, schema.StateScrubbed} {
		if err := e.b.Delete(schema.AppendRecordKey(nil, schema.TableState, []byte(name))); err != nil {
			return err
		}
	}
	e.applied.Revision = 1
	e.compact = true
	return nil
}
