package etcddb

import (
	"encoding/binary"
	"fmt"
	"math"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// Row is a revision of a key: an entry of BucketKey.
type Row struct {
	Main      int64
	Sub       uint32
	Tombstone bool // KV has the key only

	// Bump says that the row stands for no key: it is what etcd's restore with
	// --bump-revision leaves at the revision it goes on from.
	Bump bool

	KV *mvccpb.KeyValue
}

// Lengths of BucketKey's keys: main revision u64, '_', sub revision u64, all
// big endian, and 't' for a deletion.
const (
	revisionLen  = 17
	tombstoneLen = 18
)

// Rows calls fn with all rows in order. The row and its KV are valid during
// the call.
func (f *File) Rows(fn func(*Row) error) error {
	row := newRow()
	return f.Walk(BucketKey, func(k, v []byte) error {
		if err := row.decode(k, v); err != nil {
			return err
		}
		return fn(row)
	})
}

// newRow is a row to decode into.
func newRow() *Row { return &Row{KV: &mvccpb.KeyValue{}} }

// decode reads an entry of BucketKey.
func (r *Row) decode(k, v []byte) (err error) {
	if r.Main, r.Sub, r.Tombstone, err = decodeRevision(k); err != nil {
		return err
	}
	r.Bump = len(v) == 0
	r.KV.Reset()
	if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(v, r.KV); err != nil {
		return fmt.Errorf("%w: row %d.%d: %w", ErrCorrupt, r.Main, r.Sub, err)
	}
	kv := r.KV
	switch {
	case r.Bump && r.Tombstone, !r.Bump && len(kv.Key) == 0:
		return fmt.Errorf("%w: row %d.%d has no key", ErrCorrupt, r.Main, r.Sub)
	case r.Bump || r.Tombstone:
		return nil
	case kv.ModRevision != r.Main || kv.CreateRevision < 1 || kv.CreateRevision > r.Main || kv.Version < 1:
		return fmt.Errorf("%w: row %d.%d is of revision %d, created at %d, version %d",
			ErrCorrupt, r.Main, r.Sub, kv.ModRevision, kv.CreateRevision, kv.Version)
	}
	return nil
}

// decodeRevision reads a key of BucketKey.
func decodeRevision(k []byte) (main int64, sub uint32, tombstone bool, err error) {
	if len(k) != revisionLen && (len(k) != tombstoneLen || k[revisionLen] != 't') || k[8] != '_' {
		return 0, 0, false, fmt.Errorf("%w: revision %x", ErrCorrupt, k)
	}
	m, s := binary.BigEndian.Uint64(k), binary.BigEndian.Uint64(k[9:])
	if m < 1 || m > math.MaxInt64 || s > math.MaxUint32 {
		return 0, 0, false, fmt.Errorf("%w: revision %x", ErrCorrupt, k)
	}
	return int64(m), uint32(s), len(k) == tombstoneLen, nil
}

// appendRevision writes a key of BucketKey.
func appendRevision(b []byte, main int64, sub uint32, tombstone bool) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(main))
	b = append(b, '_')
	b = binary.BigEndian.AppendUint64(b, uint64(sub))
	if tombstone {
		b = append(b, 't')
	}
	return b
}

// Compacted are the revisions in BucketMeta up to which compaction was asked
// for and done; -1 for never.
func (f *File) Compacted() (scheduled, finished int64, err error) {
	if scheduled, err = f.metaRevision(MetaScheduledCompact); err != nil {
		return 0, 0, err
	}
	finished, err = f.metaRevision(MetaFinishedCompact)
	return scheduled, finished, err
}

// metaRevision reads a revision in BucketMeta. Unlike a row's it may be 0.
func (f *File) metaRevision(name string) (int64, error) {
	b, err := f.Get(BucketMeta, name)
	if err != nil || b == nil {
		return -1, err
	}
	if len(b) != revisionLen || b[8] != '_' || binary.BigEndian.Uint64(b) > math.MaxInt64 {
		return 0, fmt.Errorf("%w: %s %x", ErrCorrupt, name, b)
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// EncodeKV is the value of a row. A deletion has nothing but its key: then
// version is 0.
func EncodeKV(key []byte, mod, create, version, lease int64, value []byte) ([]byte, error) {
	kv := &mvccpb.KeyValue{Key: key}
	if version > 0 {
		kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease, kv.Value = create, mod, version, lease, value
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(kv)
}
