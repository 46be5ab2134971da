package engine

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/schema"
)

// fullFS refuses the first tables, as a full disk does until there is room.
type fullFS struct {
	vfs.FS
	refuse *atomic.Int32
}

// Create implements vfs.FS.
func (f fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if (strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, probeName)) && f.refuse.Add(-1) >= 0 {
		return nil, errors.New("no space left on device")
	}
	return f.FS.Create(name, c)
}

// A flush that fails is tried until it succeeds, later each time, and every
// failure is in the log. Fewer failures than count as trouble trouble nobody.
func TestFlushFails(t *testing.T) {
	const failures = failuresMax - 1
	fs := fullFS{vfs.NewMem(), new(atomic.Int32)}
	var log bytes.Buffer
	d, err := Create("engine", Options{FS: fs, FlushInterval: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	fs.refuse.Store(failures)
	b := d.NewBatch()
	require.NoError(t, b.SetApplied(schema.Applied{Index: 5, Term: 1, Revision: 1}))
	require.NoError(t, b.Commit())
	require.NoError(t, d.Flush())
	require.EqualValues(t, 5, d.DurableApplied())
	require.Zero(t, d.backoff.pause())
	require.NoError(t, d.Close())
	require.Equal(t, failures, strings.Count(log.String(), "background work failed"), log.String())
	require.Equal(t, failures, strings.Count(log.String(), "\n"), "one line each")
}

// Who waits for a flush is told when the disk fails, and so is Close; once there
// is room, all goes on.
func TestFlushGivesUp(t *testing.T) {
	fs := fullFS{vfs.NewMem(), new(atomic.Int32)}
	d, err := Create("engine", Options{FS: fs, FlushInterval: -1})
	require.NoError(t, err)
	fs.refuse.Store(1 << 30)
	b := d.NewBatch()
	require.NoError(t, b.SetApplied(schema.Applied{Index: 5, Term: 1, Revision: 1}))
	require.NoError(t, b.Commit())
	require.NoError(t, d.Health())
	require.ErrorIs(t, d.Flush(), ErrDiskFailing)
	require.ErrorContains(t, d.Health(), "no space left on device")
	require.ErrorIs(t, d.Flush(), ErrDiskFailing, "and again")
	fs.refuse.Store(0)
	require.Eventually(t, func() bool { return d.Health() == nil }, 10*time.Second, time.Millisecond)
	require.NoError(t, d.Flush())
	require.EqualValues(t, 5, d.DurableApplied())
	require.NoError(t, d.Close())
	require.ErrorIs(t, d.Flush(), ErrClosed)
}

// On a full disk neither the pace nor probes fill the queue of memtables: writes go on in memory, and Close returns.
func TestAFullDiskStopsNoWrites(t *testing.T) {
	fs := fullFS{vfs.NewMem(), new(atomic.Int32)}
	d, err := Create("engine", Options{FS: fs, FlushInterval: time.Millisecond, MemTableBytes: 256 << 10})
	require.NoError(t, err)
	fs.refuse.Store(1 << 30)
	for index := uint64(1); d.backoff.failures.Load() < 8; index++ {
		b := d.NewBatch()
		require.NoError(t, b.SetApplied(schema.Applied{Index: index, Term: 1, Revision: 1}))
		require.NoError(t, b.Commit())
		time.Sleep(time.Millisecond) // not so many that a memtable fills
	}
	// The one in use, the pace's, and that of a probe before the first failure.
	require.LessOrEqual(t, d.pdb.Metrics().MemTable.Count, int64(3))
	fs.refuse.Store(0)
	require.NoError(t, d.Close())
}

// A disk that hangs shows as long as it does, and a while after.
func TestStallShows(t *testing.T) {
	var d DB
	d.health.noteSlow(vfs.DiskSlowInfo{Path: "000005.sst", Duration: stallAfter})
	require.ErrorIs(t, d.Health(), ErrDiskStalled)
	require.ErrorContains(t, d.Health(), "000005.sst")
	require.EqualValues(t, 1, d.Stalls())
	d.health.stalled = d.health.stalled.Add(-stallSeen)
	require.NoError(t, d.Health())
}

// The pause grows from one bound to the other and ends with a success.
func TestBackoff(t *testing.T) {
	var b backoff
	require.Zero(t, b.pause())
	last := b.pause()
	for range 100 {
		b.failed()
		b.done(errors.New("failed"))
		require.GreaterOrEqual(t, b.pause(), max(last, backoffMin))
		last = b.pause()
	}
	require.Equal(t, backoffMax, last)
	b.done(nil)
	require.Zero(t, b.pause())
}
