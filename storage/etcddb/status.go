package etcddb

import (
	"fmt"
	"hash/crc32"

	"github.com/coreos/go-semver/semver"
)

// Status is what etcd's tools say of a snapshot.
type Status struct {
	Hash     uint32 // CRC-32C of all buckets' names and entries, in order
	Revision int64  // of the newest row
	Keys     int    // that live after the newest row
	Size     int64
	Version  string // of the storage; empty before 3.6
}

// Status reads the whole database. It holds the live keys' names in memory, as
// etcd's tools do.
func (f *File) Status() (Status, error) {
	s := Status{Size: f.Size()}
	live := make(map[string]struct{})
	names, err := f.Buckets()
	if err != nil {
		return Status{}, err
	}
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	row := newRow()
	for _, name := range names {
		s.Hash = crc32.Update(s.Hash, castagnoli, []byte(name))
		err := f.Walk(name, func(k, v []byte) error {
			s.Hash = crc32.Update(s.Hash, castagnoli, k)
			s.Hash = crc32.Update(s.Hash, castagnoli, v)
			if name != BucketKey {
				return nil
			}
			if err := row.decode(k, v); err != nil {
				return err
			}
			s.Revision = row.Main
			if row.Tombstone {
				delete(live, string(row.KV.Key))
			} else {
				live[string(row.KV.Key)] = struct{}{}
			}
			return nil
		})
		if err != nil {
			return Status{}, fmt.Errorf("bucket %q: %w", name, err)
		}
	}
	s.Keys = len(live)
	s.Version, err = f.StorageVersion()
	return s, err
}

// StorageVersion is the version of etcd that the database's schema is of;
// empty before 3.6.
func (f *File) StorageVersion() (string, error) {
	b, err := f.Get(BucketMeta, MetaStorageVersion)
	if err != nil || b == nil {
		return "", err
	}
	v, err := semver.NewVersion(string(b))
	if err != nil {
		return "", fmt.Errorf("%w: storage version %q", ErrCorrupt, b)
	}
	return v.String(), nil
}
