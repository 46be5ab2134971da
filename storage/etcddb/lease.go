package etcddb

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Lease is an entry of BucketLease, in seconds. On disk its key is the id as 8
// bytes, big endian, and its value the protobuf message with the fields in
// this order, all varints.
type Lease struct {
	ID        int64
	TTL       int64
	Remaining int64 // 0: no checkpoint yet
}

// Leases calls fn with all leases by id.
func (f *File) Leases(fn func(Lease) error) error {
	return f.Walk(BucketLease, func(k, v []byte) error {
		l, err := decodeLease(v)
		if err != nil {
			return err
		}
		if len(k) != 8 || binary.BigEndian.Uint64(k) != uint64(l.ID) {
			return fmt.Errorf("%w: lease %x", ErrCorrupt, k)
		}
		return fn(l)
	})
}

// decodeLease reads a lease's message. Fields that it doesn't know are a later
// etcd's and ignored.
func decodeLease(b []byte) (l Lease, err error) {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return Lease{}, fmt.Errorf("%w: lease", ErrCorrupt)
		}
		b = b[n:]
		if kind != protowire.VarintType {
			if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
				return Lease{}, fmt.Errorf("%w: lease", ErrCorrupt)
			}
			b = b[n:]
			continue
		}
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return Lease{}, fmt.Errorf("%w: lease", ErrCorrupt)
		}
		b = b[n:]
		switch field {
		case 1:
			l.ID = int64(v)
		case 2:
			l.TTL = int64(v)
		case 3:
			l.Remaining = int64(v)
		}
	}
	return l, nil
}

// encode is the lease's message; protobuf leaves zeros out.
func (l Lease) encode() (b []byte) {
	for i, v := range []int64{l.ID, l.TTL, l.Remaining} {
		if v != 0 {
			b = protowire.AppendTag(b, protowire.Number(i+1), protowire.VarintType)
			b = protowire.AppendVarint(b, uint64(v))
		}
	}
	return b
}
