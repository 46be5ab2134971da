package log

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

var errDisk = errors.New("input/output error")

func TestFailedSyncIsFinal(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var broken atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if broken.Load() && sync && strings.Contains(op.Path, segmentSuffix) {
			return errDisk
		}
		return nil
	}))
	l := mustOpen(t, fs, Options{})
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, "good"), true))
	broken.Store(true)
	err := l.Append(nil, entries(4, 1, 1, "lost"), true)
	require.ErrorIs(t, err, ErrFailed)
	require.ErrorIs(t, err, errDisk)

	broken.Store(false) // a disk that works again changes nothing
	require.ErrorIs(t, l.Append(nil, entries(4, 1, 1, "lost"), true), ErrFailed)
	require.ErrorIs(t, l.Append(nil, entries(4, 1, 1, "lost"), false), ErrFailed)
	require.ErrorIs(t, l.Compact(2), ErrFailed)
	require.ErrorIs(t, l.SetMetadata(nil), ErrFailed)
	last, err := l.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 3, last)
	_ = l.Close() // it has nothing good to say, but it ends

	again := mustOpen(t, mem.CrashClone(vfs.CrashCloneCfg{}), Options{})
	last, err = again.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 3, last)
	require.NoError(t, again.Close())
}

func TestFsyncsAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	l := mustOpen(t, vfs.NewMem(), Options{Registerer: reg})
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, "a"), true))
	require.NoError(t, l.Append(hardStateOf(1, 1, 3), nil, false))
	require.NoError(t, l.Append(nil, entries(4, 1, 3, "b"), true))
	families, err := reg.Gather()
	require.NoError(t, err)
	syncs, bytes := uint64(0), 0.0
	for _, f := range families {
		switch f.GetName() {
		case "etcd_disk_wal_fsync_duration_seconds":
			syncs = f.GetMetric()[0].GetHistogram().GetSampleCount()
		case "etcd_disk_wal_write_bytes_total":
			bytes = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.EqualValues(t, 2, syncs)
	require.Positive(t, bytes)
	require.NoError(t, l.Close())
	families, err = reg.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
}
