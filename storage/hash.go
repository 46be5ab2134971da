package storage

import (
	"context"
	"errors"
	"hash/crc32"
	"time"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// HashKV is etcd's hash of the keys up to a revision, 0 for the newest. It
// returns the newest revision, the compact revision and the revision hashed
// with it. It reads every version, so it ends early when ctx does. See
// mvcc.Store.HashKV for what it is equal to.
func (s *Store) HashKV(ctx context.Context, revision int64) (hash uint32, current, compact, hashRevision int64, err error) {
	st, err := s.acquire()
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer st.release()
	defer observeSince(s.seconds.hashKV, time.Now())
	h, err := st.kv.HashKV(ctx, revision)
	return h.Hash, h.Current, h.CompactRevision, h.Revision, err
}

// hashedTables are what Hash covers besides the keys: all that is replicated.
var hashedTables = []schema.Table{
	schema.TableLeases, schema.TableLeaseKeys,
	schema.TableMembers, schema.TableRemovedMembers, schema.TableAlarms, schema.TableMeta,
	schema.TableAuth, schema.TableAuthUsers, schema.TableAuthRoles,
	schema.TableV2Nodes, schema.TableV2Expiries, schema.TableV2Events, schema.TableV2State,
}

// Hash is a checksum of the whole replicated state: members with the same
// applied index and the same compact revision agree. It means nothing to
// another implementation, as etcd's own does not.
func (s *Store) Hash() (uint32, error) {
	st, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer st.release()
	defer observeSince(s.seconds.hash, time.Now())
	kv, err := st.kv.HashKV(context.Background(), 0)
	if err != nil {
		return 0, err
	}
	sum := kv.Hash
	for _, t := range hashedTables {
		if sum, err = hashTable(st.db, t, sum); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// hashTable adds the records of a table to a checksum.
func hashTable(db *engine.DB, t schema.Table, sum uint32) (_ uint32, err error) {
	lower, upper := schema.TableBounds(t)
	it, err := db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	table := crc32.MakeTable(crc32.Castagnoli)
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.Value()
		if err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, table, it.Key())
		sum = crc32.Update(sum, table, value)
	}
	return sum, it.Err()
}
