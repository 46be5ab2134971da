package storage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
)

// BenchmarkCount counts in a store of keys of 1 KiB on disk: all of them, and
// pages of lists that began up to 49,000 writes ago. It is opened anew, so that
// no counts of older revisions are in memory. What it costs does not depend on
// the number of keys.
func BenchmarkCount(b *testing.B) {
	const keys = 200_000
	dir := b.TempDir()
	s, err := storage.Open(dir, storage.Options{FlushInterval: -1})
	require.NoError(b, err)
	value := make([]byte, 1024)
	index := uint64(0)
	write := func(from, n, of int) {
		for i := from; i < from+n; {
			batch := s.NewBatch()
			for end := min(from+n, i+1000); i < end; i++ {
				copy(value, benchValue(i))
				tx := batch.Begin()
				require.NoError(b, tx.Put(benchKey(i*7919%of), append([]byte(nil), value...), 0))
				tx.End()
			}
			index++
			require.NoError(b, batch.Commit(index, 1))
		}
	}
	write(0, keys, keys)
	write(0, 50_000, keys+25_000)
	require.NoError(b, s.Flush())
	require.NoError(b, s.Close())
	begun := time.Now()
	s, err = storage.Open(dir, storage.Options{FlushInterval: -1})
	require.NoError(b, err)
	b.Logf("opened in %v", time.Since(begun))
	defer func() { require.NoError(b, s.Close()) }()
	ctx := context.Background()
	count := func(b *testing.B, key, end string, o storage.RangeOptions) {
		measureCPU(b)
		for b.Loop() {
			_, err := s.Range(ctx, []byte(key), []byte(end), o)
			require.NoError(b, err)
		}
	}
	b.Run("everything", func(b *testing.B) { count(b, "\x00", "\x00", storage.RangeOptions{CountOnly: true}) })
	b.Run("part", func(b *testing.B) {
		count(b, "/registry/pods/namespace-013/some-deployment-0003", "/registry/pods/namespace-077/some", storage.RangeOptions{CountOnly: true})
	})
	for _, back := range []int64{10, 1000, 49_000} {
		b.Run(fmt.Sprintf("page/back=%d", back), func(b *testing.B) {
			count(b, "/registry/pods/namespace-013/some-deployment-0003", "/registry/pods0",
				storage.RangeOptions{Limit: 500, Revision: s.Revision() - back})
		})
	}
	b.Run("page/newest", func(b *testing.B) {
		count(b, "/registry/pods/namespace-013/some-deployment-0003", "/registry/pods0", storage.RangeOptions{Limit: 500})
	})
}
