package v3

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/etcdctl/printer"
)

// The parts of etcd's database that its status is made of: every bucket's
// names and entries go into the hash; the bucket of keys has an entry for each
// revision.
const (
	keyBucket         = "key"
	metaBucket        = "meta"
	storageVersionKey = "storageVersion"

	revisionSize  = 17 // main revision u64, '_', sub revision u64
	tombstoneSize = 18 // the same and a mark: the key was deleted
)

// databaseOpenTimeout is how long a database may be locked by its server.
const databaseOpenTimeout = time.Second

// databaseStatus reads a snapshot of etcd, a bbolt database. bbolt's own check
// is not run: it does its work in a goroutine, where damage that it does not
// foresee would end the process. Walking all entries finds what matters here.
func databaseStatus(path string) (status printer.SnapshotStatus, err error) {
	// bbolt trusts its pages: a damaged one makes it panic, a missing one
	// faults.
	debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(false)
	defer func() {
		if damage := recover(); damage != nil {
			err = fmt.Errorf("%w: %v", errSnapshot, damage)
		}
	}()
	db, err := bbolt.Open(path, 0o400, &bbolt.Options{ReadOnly: true, Timeout: databaseOpenTimeout})
	if err != nil {
		return status, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bbolt.Tx) error {
		status.TotalSize = tx.Size()
		if meta := tx.Bucket([]byte(metaBucket)); meta != nil {
			status.Version = string(meta.Get([]byte(storageVersionKey)))
		}
		return databaseEntries(tx, &status)
	})
	return status, err
}

// databaseEntries hashes all entries in their order and counts the keys that
// live after them.
func databaseEntries(tx *bbolt.Tx, status *printer.SnapshotStatus) error {
	var hash uint32
	live := make(map[string]struct{})
	err := tx.ForEach(func(name []byte, bucket *bbolt.Bucket) error {
		hash = crc32.Update(hash, castagnoli, name)
		return bucket.ForEach(func(k, v []byte) error {
			hash = crc32.Update(hash, castagnoli, k)
			hash = crc32.Update(hash, castagnoli, v)
			if string(name) != keyBucket {
				return nil
			}
			if len(k) != revisionSize && len(k) != tombstoneSize {
				return fmt.Errorf("%w: revision %x", errSnapshot, k)
			}
			status.Revision = int64(binary.BigEndian.Uint64(k))
			var kv mvccpb.KeyValue
			if err := proto.Unmarshal(v, &kv); err != nil {
				return fmt.Errorf("%w: revision %d: %w", errSnapshot, status.Revision, err)
			}
			if len(k) == tombstoneSize {
				delete(live, string(kv.GetKey()))
			} else {
				live[string(kv.GetKey())] = struct{}{}
			}
			return nil
		})
	})
	status.Hash, status.TotalKey = hash, len(live)
	return err
}
