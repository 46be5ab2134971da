package mvcc

import (
	"bytes"
	"context"
	"hash/crc32"

	"github.com/petcd/petcd/storage/schema"
)

// Hash is etcd's checksum of the revisions, and what it is of.
type Hash struct {
	Hash            uint32
	Revision        int64 // hashed up to
	CompactRevision int64 // when hashed
	Current         int64 // newest revision when hashed
}

// hashRowsMax is the number of rows that are held for sorting, 24 bytes each,
// twice. More rows cost more passes over the versions.
const hashRowsMax = 1 << 20

// HashKV computes etcd's hash of the key space up to a revision, 0 for the
// newest, with etcd's algorithm of version 3.7: CRC-32C over the word "key",
// then over every revision's key and value as etcd stores them, in revision
// order. Left out are
//
//   - revisions above the one asked for,
//   - of those up to the compact revision, all but what is still live at the
//     revision asked for, unless nothing is,
//   - deletions at the compact revision.
//
// So two members with the same history and the same compact revision agree,
// however far each has come with removing what is compacted.
func (s *Store) HashKV(ctx context.Context, revision int64) (Hash, error) {
	v, err := s.view(revision)
	if err != nil {
		return Hash{}, err
	}
	defer v.close()
	h := Hash{Revision: v.revision, CompactRevision: v.compacted, Current: v.current}
	if revision < 0 {
		// etcd takes a negative revision as it is: every row lies above it.
		h.Revision = revision
		h.Hash = crc32.Checksum([]byte(hashName), castagnoli)
		return h, nil
	}
	h.Hash, err = v.hash(ctx, hashRowsMax)
	return h, err
}

// hashName is what etcd calls the part of its database that holds revisions.
const hashName = "key"

// hash hashes up to the view's revision. rowsMax bounds the memory.
func (v *view) hash(ctx context.Context, rowsMax int) (uint32, error) {
	all := []byte{0}
	live, err := v.count(ctx, []byte{}, all)
	if err != nil {
		return 0, err
	}
	h := rowHasher{v: v, keepDead: live == 0, rows: sorter{max: rowsMax}}
	crc := crc32.Checksum([]byte(hashName), castagnoli)
	join := newCRCJoiner()
	for more := true; more; {
		if err := h.pass(ctx); err != nil {
			return 0, err
		}
		var sorted []hashRow
		sorted, more = h.rows.take()
		for _, r := range sorted {
			crc = join.join(crc, r.crc, r.len)
		}
	}
	return crc, nil
}

// rowHasher walks the versions table, which is in key order, and hashes every
// row that counts.
type rowHasher struct {
	v        *view
	keepDead bool // nothing is live at the revision: what was at the compact revision counts
	rows     sorter
	key      []byte // of the row before
}

// pass hashes the rows that the sorter still wants.
func (h *rowHasher) pass(ctx context.Context) error {
	it := h.v.it
	it.SetBounds(schema.TableBounds(schema.TableVersions))
	steps := 0
	newer := false // the key of h.key changed between the compact revision and ours
	for ok := it.First(); ok; {
		if steps++; steps%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		key, mod, err := schema.DecodeVersionKey(it.Key())
		if err != nil {
			return corrupt(err)
		}
		if !bytes.Equal(key, h.key) {
			h.key = append(h.key[:0], key...)
			newer = false
		}
		switch {
		case mod.Main > h.v.revision:
			ok = it.Next()
		case mod.Main > h.v.compacted:
			err = h.add(key, mod)
			newer = true
			ok = it.Next()
		default:
			// The newest version at the compact revision; the rest is superseded.
			if !newer || h.keepDead {
				err = h.addLive(key, mod)
			}
			ok = it.NextPrefix()
		}
		if err != nil {
			return err
		}
	}
	return it.Err()
}

// addLive is add unless the row is a deletion.
func (h *rowHasher) addLive(key []byte, mod schema.Revision) error {
	raw, err := h.v.it.Value()
	if err != nil || schema.IsTombstone(raw) {
		return err
	}
	return h.add(key, mod)
}

// add hashes the row the iterator is on, if the sorter wants it.
func (h *rowHasher) add(key []byte, mod schema.Revision) error {
	if !h.rows.wants(mod) {
		return nil
	}
	raw, err := h.v.it.Value()
	if err != nil {
		return err
	}
	version, err := schema.DecodeVersion(raw)
	if err != nil {
		return corrupt(err)
	}
	crc, n := hashRowOf(key, mod, version)
	h.rows.add(hashRow{mod: mod, crc: crc, len: n})
	return nil
}
