package mvcc

import (
	"context"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage/schema"
)

// TestCRCJoin compares joined checksums with those of the joined bytes.
func TestCRCJoin(t *testing.T) {
	j := newCRCJoiner()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOf(rapid.Byte()).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 0, 20000).Draw(t, "b")
		want := crc32.Checksum(append(append([]byte{}, a...), b...), castagnoli)
		require.Equal(t, want, j.join(crc32.Checksum(a, castagnoli), crc32.Checksum(b, castagnoli), uint32(len(b))))
	})
	long := make([]byte, 3<<20)
	require.Equal(t, crc32.Checksum(append([]byte("a"), long...), castagnoli),
		j.join(crc32.Checksum([]byte("a"), castagnoli), crc32.Checksum(long, castagnoli), uint32(len(long))))
}

// TestHashRow compares a row with protobuf's own encoding of it.
func TestHashRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kv := &mvccpb.KeyValue{
			Key:            rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "key"),
			CreateRevision: rapid.Int64Min(0).Draw(t, "create"),
			ModRevision:    rapid.Int64Min(0).Draw(t, "mod"),
			Version:        rapid.Int64Min(0).Draw(t, "version"),
			Value:          rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"),
			Lease:          rapid.Int64().Draw(t, "lease"),
		}
		mod := schema.Revision{Main: kv.ModRevision, Sub: rapid.Uint32().Draw(t, "sub")}
		v := schema.Version{
			Tombstone: rapid.Bool().Draw(t, "tombstone"),
			Create:    kv.CreateRevision, Version: kv.Version, Lease: kv.Lease, Value: kv.Value,
		}
		rev := fmt.Sprintf("%016x5f%016x", uint64(mod.Main), uint64(mod.Sub))
		if v.Tombstone {
			rev += "74"
			kv = &mvccpb.KeyValue{Key: kv.Key}
		}
		var row []byte
		_, err := fmt.Sscanf(rev, "%x", &row)
		require.NoError(t, err)
		encoded, err := proto.Marshal(kv)
		require.NoError(t, err)
		row = append(row, encoded...)
		crc, n := hashRowOf(kv.Key, mod, v)
		require.Equal(t, crc32.Checksum(row, castagnoli), crc)
		require.Equal(t, len(row), int(n))
	})
}

// TestHashPasses shows that a hash does not depend on how many rows are held
// at a time.
func TestHashPasses(t *testing.T) {
	s := newTestStore(t)
	c := &committer{s: s}
	for i := range 40 {
		c.put(t, fmt.Sprintf("k%d", i*7%11), fmt.Sprintf("k%d", 11+i%3))
	}
	c.do(t, func(w *Writer) { require.NoError(t, w.Compact(20)) })
	want, err := s.HashKV(context.Background(), 0)
	require.NoError(t, err)
	for rows := 1; rows < 100; rows++ {
		v, err := s.view(0)
		require.NoError(t, err)
		got, err := v.hash(context.Background(), rows)
		require.NoError(t, err)
		v.close()
		require.Equal(t, want.Hash, got, "%d rows at a time", rows)
	}
	_, err = s.HashKV(context.Background(), 19)
	require.ErrorIs(t, err, ErrCompacted)
	_, err = s.HashKV(context.Background(), s.Revision()+1)
	require.ErrorIs(t, err, ErrFutureRevision)
	h, err := s.HashKV(context.Background(), -5)
	require.NoError(t, err)
	require.Equal(t, crc32.Checksum([]byte("key"), castagnoli), h.Hash)
}
