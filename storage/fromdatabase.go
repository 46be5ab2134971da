package storage

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/storage/count"
	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/etcddb"
	"github.com/petcd/petcd/storage/schema"
)

// FromDatabase fills from a database of etcd: keys with their history, and
// leases. The small records are the caller's (see Restore).
func FromDatabase(f *etcddb.File) Filling {
	return func(parent, name string, o Options) error {
		db, err := engine.Create(o.FS.PathJoin(parent, name), o.engine())
		if err != nil {
			return dropped(err, o.FS, parent, name)
		}
		im := &importer{from: f, db: db, out: newBulk(db), leases: map[int64]bool{}}
		if err := errors.Join(im.run(), db.Close()); err != nil {
			return dropped(err, o.FS, parent, name)
		}
		return nil
	}
}

// dropped removes what a Filling that failed has left.
func dropped(err error, fs vfs.FS, parent, name string) error {
	return errors.Join(err, fs.RemoveAll(fs.PathJoin(parent, name)))
}

// importer turns a database of etcd into an engine.
type importer struct {
	from *etcddb.File
	db   *engine.DB
	out  *bulk

	scheduled, finished int64           // compact revisions, -1 for never
	last                schema.Revision // of the row before
	leases              map[int64]bool  // ids
}

// run does all of it. Rows come in the order of history, so a key's head is
// what its last row makes of it; what follows from the heads is written when
// all are there.
func (im *importer) run() error {
	err := im.rows()
	if err == nil {
		err = im.from.Leases(im.lease)
	}
	if err == nil {
		err = im.out.commit()
	}
	if err == nil {
		err = im.heads()
	}
	if err == nil {
		err = im.state()
	}
	if err != nil {
		return errors.Join(err, im.out.drop())
	}
	return im.out.flush()
}

// rows writes all revisions.
func (im *importer) rows() (err error) {
	if im.scheduled, im.finished, err = im.from.Compacted(); err != nil {
		return err
	}
	return im.from.Rows(func(r *etcddb.Row) error {
		mod := schema.Revision{Main: r.Main, Sub: r.Sub}
		if mod.Compare(im.last) <= 0 {
			return fmt.Errorf("%w: revision %d.%d is there twice", etcddb.ErrCorrupt, r.Main, r.Sub)
		}
		im.last = mod
		if r.Bump {
			return nil // the revision is all that it says
		}
		return im.row(mod, r)
	})
}

// row writes one revision: version, change and head, as a transaction would.
func (im *importer) row(mod schema.Revision, r *etcddb.Row) error {
	kv := r.KV
	var version []byte
	if r.Tombstone {
		version = schema.AppendTombstone(nil)
	} else {
		version = append(schema.AppendVersionHeader(nil, kv.CreateRevision, kv.Version, kv.Lease), kv.Value...)
	}
	if err := im.out.set(schema.AppendVersionKey(nil, kv.Key, mod), version); err != nil {
		return err
	}
	// Below the revision that compaction has come to, history has no changes.
	if mod.Main >= im.finished {
		c := schema.Change{Created: !r.Tombstone && kv.Version == 1, Tombstone: r.Tombstone, Key: kv.Key}
		if err := im.out.set(schema.AppendRevisionKey(nil, mod), schema.AppendChange(nil, c)); err != nil {
			return err
		}
	}
	head := schema.AppendRecordKey(nil, schema.TableHeads, kv.Key)
	if r.Tombstone {
		return im.out.delete(head)
	}
	return im.out.set(head, schema.AppendHead(nil, schema.Head{
		Create: kv.CreateRevision, Mod: mod, Version: kv.Version, Lease: kv.Lease,
	}))
}

// lease writes a lease.
func (im *importer) lease(l etcddb.Lease) error {
	if l.ID == 0 || l.TTL < 0 || l.Remaining < 0 {
		return fmt.Errorf("%w: lease %x of %d seconds, %d left", etcddb.ErrCorrupt, l.ID, l.TTL, l.Remaining)
	}
	im.leases[l.ID] = true
	return im.out.set(schema.AppendLeaseKey(nil, l.ID), schema.AppendLease(nil, schema.Lease{TTL: l.TTL, Remaining: l.Remaining}))
}

// heads writes what follows from the keys that live: the counts, and which
// keys hang on which lease. A lease that is gone holds nothing, as in etcd.
func (im *importer) heads() (err error) {
	lower, upper := schema.TableBounds(schema.TableHeads)
	it, err := im.db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var start []byte // of the run
	var n int64      // keys in it
	run := func() error {
		return im.out.set(schema.AppendRecordKey(nil, schema.TableRuns, start), schema.AppendRun(nil, n))
	}
	for ok := it.First(); ok; ok = it.Next() {
		key, err := schema.RecordBody(it.Key())
		if err != nil {
			return errors.Join(ErrCorrupt, err)
		}
		if n == count.RunTarget {
			if err := run(); err != nil {
				return err
			}
			start, n = append(start[:0], key...), 0
		}
		n++
		value, err := it.Value()
		if err != nil {
			return err
		}
		head, err := schema.DecodeHead(value)
		if err != nil {
			return errors.Join(ErrCorrupt, err)
		}
		if im.leases[head.Lease] {
			if err := im.out.set(schema.AppendLeaseKeyKey(nil, head.Lease, key), nil); err != nil {
				return err
			}
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	return run()
}

// state writes where the revisions stand. A compaction that was asked for
// counts as etcd's own start makes it count: it is done after it, and its
// revision may be the newest when what it was of is gone.
func (im *importer) state() error {
	compacted := max(im.scheduled, im.finished)
	state := func(name string, value []byte) error {
		return im.out.set(schema.AppendRecordKey(nil, schema.TableState, []byte(name)), value)
	}
	if compacted >= 0 {
		if err := state(schema.StateCompacted, schema.AppendCompacted(nil, compacted)); err != nil {
			return err
		}
	}
	if im.finished >= 0 {
		if err := state(schema.StateScrubbed, schema.AppendCompacted(nil, im.finished)); err != nil {
			return err
		}
	}
	return state(schema.StateApplied, schema.AppendApplied(nil, schema.Applied{Revision: max(1, im.last.Main, compacted)}))
}
