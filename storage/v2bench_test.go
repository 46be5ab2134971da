package storage_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// benchV2 runs one change after another, a hundred to a batch.
func benchV2(b *testing.B, watchers int, request func(i int) v2store.Request) {
	s, err := storage.Open(b.TempDir(), storage.Options{FlushInterval: -1})
	require.NoError(b, err)
	defer s.Close()
	for i := range watchers {
		w, err := s.V2Watch(fmt.Sprintf("/1/watched/%d", i), false, true, 0)
		require.NoError(b, err)
		defer w.Close()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; {
		batch := s.NewBatch()
		for n := 0; n < 100 && i < b.N; n++ {
			r := request(i)
			_, err := batch.V2().Do(v2store.Set, &r)
			require.NoError(b, err)
			i++
		}
		require.NoError(b, batch.Commit(uint64(i), 1))
	}
}

// value256 is a value of 256 bytes.
var value256 = string(make([]byte, 256))

func BenchmarkV2SetSame(b *testing.B) {
	paths := v2Paths(1000)
	benchV2(b, 0, func(i int) v2store.Request {
		return v2store.Request{Path: paths[i%len(paths)], Value: value256, Now: 1}
	})
}

func BenchmarkV2SetNew(b *testing.B) {
	paths := v2Paths(b.N)
	benchV2(b, 0, func(i int) v2store.Request {
		return v2store.Request{Path: paths[i], Value: value256, Now: 1}
	})
}

func BenchmarkV2SetTTL(b *testing.B) {
	paths := v2Paths(1000)
	benchV2(b, 0, func(i int) v2store.Request {
		return v2store.Request{Path: paths[i%len(paths)], Value: value256, Now: v2Time.UnixNano(), Expiration: v2Time.UnixNano() + int64(i)}
	})
}

// BenchmarkV2SetBeside10000Watchers must not be slower than without them: none
// of them is for the key that is set.
func BenchmarkV2SetBeside10000Watchers(b *testing.B) {
	benchV2(b, 10_000, func(int) v2store.Request {
		return v2store.Request{Path: "/1/watched/none", Value: value256, Now: 1}
	})
}

func BenchmarkV2Get(b *testing.B) {
	s, err := storage.Open(b.TempDir(), storage.Options{FlushInterval: -1})
	require.NoError(b, err)
	defer s.Close()
	batch := s.NewBatch()
	paths := v2Paths(10_000)
	for _, p := range paths {
		_, err := batch.V2().Do(v2store.Set, &v2store.Request{Path: p, Value: value256})
		require.NoError(b, err)
	}
	require.NoError(b, batch.Commit(1, 1))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := s.V2Get(paths[i%len(paths)], false, v2Time)
		require.NoError(b, err)
	}
}

// v2Paths are paths of keys, a hundred to a directory.
func v2Paths(n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("/1/service/%06d/%02d", i/100, i%100)
	}
	return paths
}
