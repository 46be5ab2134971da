package etcddb

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Partial ends the name of a file that Create has not finished.
const Partial = ".part"

// batchBytes is how much goes into one transaction, which holds it in memory.
const batchBytes = 16 << 20

// Writer writes a database. Keys go in fastest, and take the least space, in
// their order.
type Writer struct {
	path    string
	db      *bbolt.DB
	tx      *bbolt.Tx
	pending int // bytes in tx
}

// Create begins a database with all of etcd's buckets. End it with Finish or
// Abort.
func Create(path string) (*Writer, error) {
	temp := path + Partial
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{NoSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	w := &Writer{path: path, db: db}
	if err := w.begin(); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// begin makes the buckets.
func (w *Writer) begin() (err error) {
	if w.tx, err = w.db.Begin(true); err != nil {
		return err
	}
	for _, name := range buckets {
		b, err := w.tx.CreateBucket([]byte(name))
		if err != nil {
			return fmt.Errorf("create bucket %s: %w", name, err)
		}
		b.FillPercent = 0.9
	}
	return nil
}

// Put writes an entry; both slices are copied.
func (w *Writer) Put(bucket string, key, value []byte) error {
	if w.pending >= batchBytes {
		if err := w.tx.Commit(); err != nil {
			return fmt.Errorf("write database: %w", err)
		}
		w.pending = 0
		var err error
		if w.tx, err = w.db.Begin(true); err != nil {
			return err
		}
	}
	b := w.tx.Bucket([]byte(bucket))
	if b == nil {
		return fmt.Errorf("write database: no bucket %s", bucket)
	}
	b.FillPercent = 0.9 // rows come in order
	w.pending += len(key) + len(value) + elementLen
	if err := b.Put(key, append([]byte{}, value...)); err != nil {
		return fmt.Errorf("write database: %w", err)
	}
	return nil
}

// PutRow writes a row whose KV is encoded already.
func (w *Writer) PutRow(main int64, sub uint32, tombstone bool, kv []byte) error {
	return w.Put(BucketKey, appendRevision(nil, main, sub, tombstone), kv)
}

// PutLease writes a lease.
func (w *Writer) PutLease(l Lease) error {
	return w.Put(BucketLease, binary.BigEndian.AppendUint64(nil, uint64(l.ID)), l.encode())
}

// PutCompacted writes that all up to a revision is compacted.
func (w *Writer) PutCompacted(revision int64) error {
	for _, name := range []string{MetaScheduledCompact, MetaFinishedCompact} {
		if err := w.Put(BucketMeta, []byte(name), appendRevision(nil, revision, 0, false)); err != nil {
			return err
		}
	}
	return nil
}

// PutIndex writes up to which entry of which term the log is applied.
func (w *Writer) PutIndex(index, term uint64) error {
	if err := w.Put(BucketMeta, []byte(MetaConsistentIndex), binary.BigEndian.AppendUint64(nil, index)); err != nil {
		return err
	}
	return w.Put(BucketMeta, []byte(MetaTerm), binary.BigEndian.AppendUint64(nil, term))
}

// Finish appends the SHA-256, makes the file durable and gives it its name, from
// whatever had it.
func (w *Writer) Finish() error {
	err := w.tx.Commit()
	w.tx = nil
	if err == nil {
		err = w.db.Close()
		w.db = nil
	}
	if err == nil {
		err = seal(w.path + Partial)
	}
	if err == nil {
		err = os.Rename(w.path+Partial, w.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(w.path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write database: %w", err), w.Abort())
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// seal appends the SHA-256 to a file and syncs it.
func seal(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if _, err := f.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return f.Sync()
}

// Abort removes what was written.
func (w *Writer) Abort() error {
	var errs []error
	if w.tx != nil {
		errs = append(errs, w.tx.Rollback())
	}
	if w.db != nil {
		errs = append(errs, w.db.Close())
	}
	if err := os.Remove(w.path + Partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
