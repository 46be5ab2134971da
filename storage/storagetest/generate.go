package storagetest

import (
	"bytes"
	"fmt"
	"slices"
)

// Source is where random entries come from: a seeded generator or rapid.
type Source interface {
	// IntN returns a number in [0, n).
	IntN(n int) int
}

// leaseIDs are few, so that leases are granted twice, revoked and missed.
var leaseIDs = []int64{1, 2, 7, 1 << 40, -3}

// RandomEntry draws an entry. Keys come from a small space with prefixes of
// each other in it, zero bytes included.
func RandomEntry(s Source) Entry {
	if s.IntN(3) == 0 {
		return RandomV2Entry(s)
	}
	switch n := s.IntN(20); {
	case n < 9:
		return Txn{Ops: []Op{randomPut(s)}}
	case n < 11:
		return Txn{Ops: []Op{randomDelete(s)}}
	case n < 16:
		ops := make([]Op, 1+s.IntN(5))
		for i := range ops {
			ops[i] = randomOp(s)
		}
		return Txn{Ops: ops}
	case n < 18:
		return Grant{ID: randomLease(s), TTL: int64(1 + s.IntN(100))}
	case n < 19:
		if s.IntN(2) == 0 {
			return Compact{Back: int64(s.IntN(30) - 1)}
		}
		return Checkpoint{ID: randomLease(s), Remaining: int64(s.IntN(50))}
	}
	return Revoke{ID: randomLease(s)}
}

// randomOp draws an operation of a transaction.
func randomOp(s Source) Op {
	switch n := s.IntN(10); {
	case n < 4:
		return randomPut(s)
	case n < 6:
		return randomDelete(s)
	case n < 7:
		return Op{Kind: OpGet, Key: RandomKey(s)}
	}
	return randomRange(s)
}

// randomPut draws a put, one in three with a lease.
func randomPut(s Source) Op {
	o := Op{Kind: OpPut, Key: RandomKey(s), Value: fmt.Appendf(nil, "v%d", s.IntN(1_000_000))}
	switch s.IntN(60) {
	case 0, 1, 2, 3, 4:
		o.Value = nil
	case 5:
		// Larger than the memtable of the crash tests now and then.
		o.Value = bytes.Repeat(o.Value, 1+s.IntN(16<<10))
	}
	if s.IntN(3) == 0 {
		o.Lease = randomLease(s)
	}
	return o
}

// randomDelete draws a deletion, mostly of one key.
func randomDelete(s Source) Op {
	if s.IntN(3) > 0 {
		return Op{Kind: OpDelete, Key: RandomKey(s)}
	}
	key, end := RandomRange(s)
	return Op{Kind: OpDelete, Key: key, End: end}
}

// randomRange draws a read.
func randomRange(s Source) Op {
	key, end := RandomRange(s)
	return Op{
		Kind: OpRange, Key: key, End: end, Limit: int64(s.IntN(4)), Back: int64(s.IntN(6)),
		CountOnly: s.IntN(4) == 0, KeysOnly: s.IntN(4) == 0,
	}
}

// randomLease draws a lease id.
func randomLease(s Source) int64 { return leaseIDs[s.IntN(len(leaseIDs))] }

// alphabet has the bytes that a key layout gets wrong first.
const alphabet = "\x00\x01\x0dab\xff"

// RandomKey draws a key of one to three bytes.
func RandomKey(s Source) []byte {
	key := make([]byte, 1+s.IntN(3))
	for i := range key {
		key[i] = alphabet[s.IntN(len(alphabet))]
	}
	return key
}

// RandomRange draws a range in etcd's convention: one key, from a key on, or
// between two, now and then the wrong way round.
func RandomRange(s Source) (key, end []byte) {
	key = RandomKey(s)
	switch s.IntN(6) {
	case 0:
		return key, nil
	case 1:
		return key, []byte{0}
	case 2:
		return []byte{0}, []byte{0}
	}
	end = RandomKey(s)
	if s.IntN(10) > 0 && slices.Compare(key, end) > 0 {
		key, end = end, key
	}
	return key, end
}
