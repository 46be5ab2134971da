package storage_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
)

// benchEntries is the number of entries that share a batch, about what a
// busy member's apply loop takes at once.
const benchEntries = 100

// benchStore opens a store of n keys of about 60 bytes with 256-byte values,
// as Kubernetes names them.
func benchStore(b *testing.B, n int) *storage.Store {
	b.Helper()
	s, err := storage.Open("bench", storage.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	index := uint64(0)
	for i := 0; i < n; {
		batch := s.NewBatch()
		for end := min(n, i+1000); i < end; i++ {
			tx := batch.Begin()
			require.NoError(b, tx.Put(benchKey(i), benchValue(i), 0))
			tx.End()
		}
		index++
		require.NoError(b, batch.Commit(index, 1))
	}
	return s
}

// benchKey is the i-th key.
func benchKey(i int) []byte {
	return fmt.Appendf(nil, "/registry/pods/namespace-%03d/some-deployment-%07d", i%100, i)
}

// benchValue is a 256-byte value that does not compress to nothing.
func benchValue(i int) []byte {
	v := make([]byte, 256)
	r := rand.New(rand.NewPCG(uint64(i), 1))
	for j := 0; j < len(v); j += 16 {
		binary.LittleEndian.PutUint64(v[j:], r.Uint64())
	}
	return v
}

// measureCPU reports the processor time per operation that the process spends
// from now on, flushes and compactions included. Unlike the clock it means the
// same on a busy machine.
func measureCPU(b *testing.B) {
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	b.Cleanup(func() {
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
		spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/op")
	})
}

// BenchmarkPut applies puts over a fixed set of keys; one operation is one
// put, its share of the commit included.
func BenchmarkPut(b *testing.B) {
	for _, keys := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s := benchStore(b, keys)
			index, _ := s.Applied()
			names := make([][]byte, 4096)
			for i := range names {
				names[i] = benchKey(rand.IntN(keys))
			}
			value := benchValue(1)
			b.ReportAllocs()
			measureCPU(b)
			b.ResetTimer()
			for i := 0; i < b.N; {
				batch := s.NewBatch()
				for end := min(b.N, i+benchEntries); i < end; i++ {
					tx := batch.Begin()
					require.NoError(b, tx.Put(names[i%len(names)], value, 0))
					tx.End()
				}
				index++
				require.NoError(b, batch.Commit(index, 1))
			}
		})
	}
}

// BenchmarkPutNew applies puts of keys that do not exist yet, in random order.
func BenchmarkPutNew(b *testing.B) {
	s := benchStore(b, 100_000)
	index, _ := s.Applied()
	value := benchValue(1)
	names := make([][]byte, b.N)
	for i, j := range rand.Perm(b.N) {
		names[i] = benchKey(1_000_000 + j)
	}
	b.ReportAllocs()
	measureCPU(b)
	b.ResetTimer()
	for i := 0; i < b.N; {
		batch := s.NewBatch()
		for end := min(b.N, i+benchEntries); i < end; i++ {
			tx := batch.Begin()
			require.NoError(b, tx.Put(names[i], value, 0))
			tx.End()
		}
		index++
		require.NoError(b, batch.Commit(index, 1))
	}
}

// BenchmarkRangeOne reads one key of a flushed store.
func BenchmarkRangeOne(b *testing.B) {
	for _, kind := range []string{"present", "absent"} {
		b.Run(kind, func(b *testing.B) {
			s := benchStore(b, 100_000)
			require.NoError(b, s.Flush())
			base := 0
			if kind == "absent" {
				base = 5_000_000
			}
			ctx := context.Background()
			b.ReportAllocs()
			measureCPU(b)
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				_, err := s.Range(ctx, benchKey(base+i*7919%100_000), nil, storage.RangeOptions{})
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkRangePage reads a page of 500 of 100,000 keys, exact count included.
func BenchmarkRangePage(b *testing.B) {
	s := benchStore(b, 100_000)
	require.NoError(b, s.Flush())
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		r, err := s.Range(ctx, []byte("/registry/pods/"), []byte("/registry/pods0"), storage.RangeOptions{Limit: 500})
		require.NoError(b, err)
		require.Equal(b, int64(100_000), r.Count)
	}
}

// BenchmarkHashKV hashes a store of 200,000 keys; an operation is one key.
func BenchmarkHashKV(b *testing.B) {
	const keys = 200_000
	s := benchStore(b, keys)
	b.ResetTimer()
	for n := 0; n < b.N; n += keys {
		_, _, _, _, err := s.HashKV(b.Context(), 0)
		require.NoError(b, err)
	}
}
