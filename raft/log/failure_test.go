package log

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
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

// Whatever fails, at any time: after a write that failed there is no other one, and what was acknowledged is found again.
func TestAnyFailureIsFinal(t *testing.T) {
	steps := []func(l *store, m *model) error{
		func(l *store, m *model) error { m.meta = "identity"; return l.SetMetadata([]byte(m.meta)) },
	}
	add := func(first, term uint64, n int) {
		steps = append(steps, func(l *store, m *model) error {
			hs, es := hardStateOf(term, 1, 0), entries(first, term, n, dataOf(first))
			m.append(hs, es)
			return l.Append(hs, es, true)
		})
	}
	for i := range uint64(12) {
		add(i+1, 1, 1)
	}
	add(9, 2, 2)
	steps = append(steps, func(l *store, m *model) error {
		m.begin, m.entries = begin{5, 1}, m.entries[5:]
		return l.Compact(5)
	})
	add(11, 2, 3)
	steps = append(steps, func(l *store, m *model) error {
		m.begin, m.entries, m.hs.commit = begin{11, 2}, nil, 11
		return l.Reset(&raftpb.SnapshotMetadata{Index: new(uint64(11)), Term: new(uint64(2))}, nil)
	})
	add(12, 2, 3)

	failures := 0
	for at := 1; ; at++ {
		mem, n := vfs.NewMem(), 0
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileReadAt {
				return nil // an entry that cannot be read now harms no write
			}
			if n++; n == at {
				return errDisk
			}
			return nil
		}))
		acked := &model{}
		possible := []string{acked.String()}
		if l, err := Open("log", Options{FS: fs, TailBytesMax: 1, segmentBytes: 300}); err != nil {
			require.ErrorIs(t, err, errDisk, "operation %d", at)
		} else {
			for _, step := range steps {
				next := *acked
				err := step(l.(*store), &next)
				if err == nil {
					acked = &next
					possible[0] = acked.String()
					continue
				}
				require.ErrorIs(t, err, errDisk, "operation %d", at)
				require.ErrorIs(t, err, ErrFailed, "operation %d", at)
				require.ErrorIs(t, l.SetMetadata([]byte("again")), ErrFailed)
				require.ErrorIs(t, l.Reset(&raftpb.SnapshotMetadata{Index: new(uint64(99))}, nil), ErrFailed)
				possible = append(possible, next.String())
				break
			}
			_ = l.Close() // it may have something to say, but it ends
		}
		again := mustOpen(t, mem, onDisk)
		require.Contains(t, possible, modelOf(t, again).String(), "operation %d", at)
		require.NoError(t, again.Close())
		if n < at {
			break
		}
		failures++
	}
	require.Greater(t, failures, 80)
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

// cleanFS behaves as Linux does: after a failed sync pages are clean, so the next sync succeeds and writes nothing.
type cleanFS struct {
	vfs.FS
	mu   sync.Mutex
	fail bool
	lost map[string]bool
}

type cleanFile struct {
	vfs.File
	fs    *cleanFS
	name  string
	dirty bool
}

func (fs *cleanFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &cleanFile{File: f, fs: fs, name: strings.TrimSuffix(name, newSuffix)}, nil
}

func (fs *cleanFS) Create(n string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(n, c)
	return fs.wrap(n, f, err)
}

func (fs *cleanFS) OpenReadWrite(n string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.OpenReadWrite(n, c, o...)
	return fs.wrap(n, f, err)
}

func (f *cleanFile) WriteAt(b []byte, at int64) (int, error) {
	f.dirty = true
	return f.File.WriteAt(b, at)
}

func (f *cleanFile) Sync() error { return f.sync(f.File.Sync) }

func (f *cleanFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *cleanFile) sync(real func() error) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.fail && strings.Contains(f.name, segmentSuffix) {
		f.fs.fail, f.dirty = false, false
		f.fs.lost[f.name] = true
		return errDisk
	}
	if f.fs.lost[f.name] && !f.dirty {
		return nil
	}
	return real()
}

// The system forgets that pages could not be written: what is found after a failed sync is durable only once it is written again.
func TestStartAfterAFailedSyncWritesAgain(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fs := &cleanFS{FS: mem, lost: map[string]bool{}}
	l := mustOpen(t, fs, Options{})
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, "good"), true))
	fs.fail = true
	require.ErrorIs(t, l.Append(nil, entries(4, 1, 1, "not on disk"), true), ErrFailed)
	_ = l.Close()

	l = mustOpen(t, fs, Options{}) // the process starts again: "makes what was found durable"
	last, _ := l.LastIndex()
	require.EqualValues(t, 4, last)
	require.NoError(t, l.Append(nil, entries(last+1, 1, 1, "acknowledged"), true))
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	again, err := Open("log", Options{FS: crashed})
	require.NoError(t, err)
	got, _ := again.LastIndex()
	require.Equal(t, last+1, got)
}
