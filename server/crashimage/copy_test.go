package crashimage_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/crashimage"
)

// options make a database without a write-ahead log that flushes and compacts many times a second.
func options() *pebble.Options {
	return &pebble.Options{
		FormatMajorVersion: pebble.FormatValueSeparation, DisableWAL: true, MemTableSize: 256 << 10, L0CompactionThreshold: 2,
		LBaseMaxBytes: 1 << 20, Logger: quiet{},
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func key(i uint64) []byte { return binary.BigEndian.AppendUint64(nil, i) }

// counter writes the numbers from 1 on until stop is closed, each flushed before flushed has it, and removes those that are
// more than keep behind.
func counter(t *testing.T, db *pebble.DB, flushed *atomic.Uint64, stop <-chan struct{}) {
	const keep, flushEvery = 500, 20
	rng := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, 8<<10)
	for i := uint64(1); ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		b := db.NewBatch()
		for n := range value[:16] {
			value[n] = byte(rng.Uint32())
		}
		require.NoError(t, b.Set(key(i), value[:rng.IntN(len(value))], nil))
		if i > keep {
			require.NoError(t, b.Delete(key(i-keep), nil))
		}
		require.NoError(t, b.Commit(pebble.NoSync))
		if i%flushEvery == 0 {
			require.NoError(t, db.Flush())
			flushed.Store(i)
		}
	}
}

// last opens a copy and returns the greatest number in it, once it has found that all before it are there.
func last(t *testing.T, dir string) uint64 {
	db, err := pebble.Open(dir, options())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	it, err := db.NewIter(nil)
	require.NoError(t, err)
	newest := uint64(0)
	for ok := it.First(); ok; ok = it.Next() {
		n := binary.BigEndian.Uint64(it.Key())
		if newest > 0 {
			require.Equal(t, newest+1, n)
		}
		newest = n
	}
	require.NoError(t, it.Error())
	require.NoError(t, it.Close())
	return newest
}

// TestCopyOfABusyFolder copies a folder again and again while it is written to: each copy holds a prefix of the writes, with
// all that was flushed before it began.
func TestCopyOfABusyFolder(t *testing.T) {
	from := t.TempDir()
	db, err := pebble.Open(from, options())
	require.NoError(t, err)
	var flushed atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		counter(t, db, &flushed, stop)
	}()
	require.Eventually(t, func() bool { return flushed.Load() > 0 }, 10*time.Second, time.Millisecond)
	root := t.TempDir()
	for range 20 {
		to := filepath.Join(root, "copy")
		before := flushed.Load()
		require.NoError(t, crashimage.Copy(vfs.Default, from, to))
		require.GreaterOrEqual(t, last(t, to), before)
		require.NoError(t, os.RemoveAll(to))
	}
	close(stop)
	<-stopped
	require.NoError(t, db.Close())

	to := filepath.Join(root, "copy")
	require.NoError(t, crashimage.Copy(vfs.Default, from, to)) // of one that nobody has open
	require.Equal(t, last(t, from), last(t, to))
}
