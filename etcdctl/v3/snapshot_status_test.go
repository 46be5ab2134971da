package v3

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/etcdctl/printer"
)

// archive is a snapshot of petcd without files, by the format's description.
func archive() []byte {
	var header []byte
	header = binary.AppendUvarint(header, 70) // index
	header = binary.AppendUvarint(header, 3)  // term
	for _, v := range []int64{50, 20, 12, 0, 0} {
		header = binary.AppendVarint(header, v)
	}
	b := []byte(archiveMagic)
	b = binary.BigEndian.AppendUint32(b, archiveVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(header)))
	b = append(b, header...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	b = append(b, 'E')
	for len(b)%512 != 0 {
		b = append(b, 0)
	}
	return sealed(b)
}

// sealed ends a snapshot with its checksum.
func sealed(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func file(t *testing.T, content []byte) string {
	path := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestStatusOfArchive(t *testing.T) {
	whole := archive()
	status, err := snapshotStatus(file(t, whole))
	require.NoError(t, err)
	require.Equal(t, printer.SnapshotStatus{
		Hash: binary.BigEndian.Uint32(whole[len(whole)-sha256.Size:]), Revision: 50, TotalKey: 12, TotalSize: int64(len(whole)),
	}, status)
}

func TestStatusRefusesDamage(t *testing.T) {
	whole := archive()
	for n := range whole {
		_, err := snapshotStatus(file(t, whole[:n]))
		require.ErrorIs(t, err, errSnapshot, "cut off after %d bytes", n)
	}
	for n := range whole {
		flipped := append([]byte(nil), whole...)
		flipped[n] ^= 1
		_, err := snapshotStatus(file(t, flipped))
		require.ErrorIs(t, err, errSnapshot, "byte %d", n)
	}
	newer := append([]byte(nil), whole[:len(whole)-sha256.Size]...)
	newer[len(archiveMagic)+3]++
	_, err := snapshotStatus(file(t, sealed(newer)))
	require.ErrorContains(t, err, "format 2; this etcdctl knows 1")
	_, err = snapshotStatus(file(t, []byte("root:x:0:0:root:/root:/bin/bash\n")))
	require.ErrorIs(t, err, errSnapshot)
	_, err = snapshotStatus(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// database makes a snapshot of etcd with the key a put twice and b deleted.
func database(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "etcd.db")
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket([]byte(metaBucket))
		require.NoError(t, err)
		require.NoError(t, meta.Put([]byte(storageVersionKey), []byte("3.7.0")))
		keys, err := tx.CreateBucket([]byte(keyBucket))
		require.NoError(t, err)
		for i, key := range []string{"a", "a", "b", "b"} {
			rev := binary.BigEndian.AppendUint64(nil, uint64(i+2))
			rev = append(rev, '_')
			rev = binary.BigEndian.AppendUint64(rev, 0)
			if i == 3 {
				rev = append(rev, 't')
			}
			value, err := proto.Marshal(&mvccpb.KeyValue{Key: []byte(key)})
			require.NoError(t, err)
			require.NoError(t, keys.Put(rev, value))
		}
		return nil
	}))
	require.NoError(t, db.Close())
	return path
}

func TestStatusOfDatabase(t *testing.T) {
	path := database(t)
	status, err := snapshotStatus(path)
	require.NoError(t, err)
	require.Equal(t, int64(5), status.Revision)
	require.Equal(t, 1, status.TotalKey)
	require.Equal(t, "3.7.0", status.Version)
	// The entries in the order of buckets and keys, hashed by hand.
	value := func(key string) string { return "\x0a\x01" + key }
	rev := func(n int, mark string) string {
		b, err := hex.DecodeString(fmt.Sprintf("%016x5f%016x", n, 0))
		require.NoError(t, err)
		return string(b) + mark
	}
	entries := keyBucket + rev(2, "") + value("a") + rev(3, "") + value("a") + rev(4, "") + value("b") + rev(5, "t") + value("b") +
		metaBucket + storageVersionKey + "3.7.0"
	require.Equal(t, crc32.Checksum([]byte(entries), crc32.MakeTable(crc32.Castagnoli)), status.Hash)

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	again, err := snapshotStatus(file(t, sealed(whole)))
	require.NoError(t, err)
	require.Equal(t, status, again)
}

// FuzzSnapshotStatus reads damaged snapshots of both kinds, with a checksum
// that is right, so that the readers behind it are reached.
func FuzzSnapshotStatus(f *testing.F) {
	whole := archive()
	f.Add(whole[:len(whole)-sha256.Size])
	f.Fuzz(func(t *testing.T, content []byte) {
		for len(content)%512 != 0 {
			content = append(content, 0)
		}
		if len(content) < len(archiveMagic) || string(content[:len(archiveMagic)]) != archiveMagic {
			content = append([]byte(archiveMagic), content...)
			content = content[:len(content)/512*512]
		}
		status, err := snapshotStatus(file(t, sealed(content)))
		if err == nil {
			require.Positive(t, status.TotalSize)
		} else {
			require.ErrorIs(t, err, errSnapshot)
		}
	})
}
