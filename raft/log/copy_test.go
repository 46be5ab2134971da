package log

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// beforeOpen is a file system that calls fn before a file whose name ends with suffix is opened; what fn returns, opening does.
func beforeOpen(fs vfs.FS, suffix string, fn func(path string) error) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen && strings.HasSuffix(op.Path, suffix) {
			return fn(op.Path)
		}
		return nil
	}))
}

// dataOf is what the tests of copies write as an entry.
func dataOf(index uint64) string {
	return fmt.Sprint("entry ", index, strings.Repeat(".", int(index%200)))
}

// appendUntil appends synced entries until ctx is done, and compacts the log so that the newest ones stay. acked is the index
// of the last one that has been acknowledged.
func appendUntil(ctx context.Context, l *store, acked *atomic.Uint64) error {
	const keep, compactEvery = 300, 50
	for i := uint64(1); ctx.Err() == nil; i++ {
		if err := l.Append(hardStateOf(1, 1, i-1), entries(i, 1, 1, dataOf(i)), true); err != nil {
			return err
		}
		acked.Store(i)
		if i > keep && i%compactEvery == 0 {
			if err := l.Compact(i - keep); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastOf opens a copy, reads all of it from the disk, and returns its last entry's index.
func lastOf(t *testing.T, fs vfs.FS, dir string) uint64 {
	t.Helper()
	l, err := Open(dir, Options{FS: fs, TailBytesMax: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	first, err := l.FirstIndex()
	require.NoError(t, err)
	last, err := l.LastIndex()
	require.NoError(t, err)
	for next := first; next <= last; {
		es, err := l.Entries(next, last+1, 1<<20)
		require.NoError(t, err)
		for _, e := range es {
			require.Equal(t, next, e.GetIndex())
			require.Equal(t, dataOf(next), string(e.GetData()))
			next++
		}
	}
	return last
}

// Copies of a log that is appended to and compacted meanwhile hold all that was acknowledged before they began, without a hole.
func TestCopyOfABusyLog(t *testing.T) {
	root := t.TempDir()
	from := filepath.Join(root, "log")
	l, err := Open(from, Options{segmentBytes: 16 << 10})
	require.NoError(t, err)
	var acked atomic.Uint64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- appendUntil(ctx, l.(*store), &acked) }()
	for n := range 30 {
		more := acked.Load() + 50
		require.Eventually(t, func() bool { return acked.Load() >= more || len(ended) > 0 }, time.Minute, time.Millisecond)
		to := filepath.Join(root, fmt.Sprint("copy", n))
		least := acked.Load()
		require.NoError(t, Copy(vfs.Default, from, to))
		require.GreaterOrEqual(t, lastOf(t, vfs.Default, to), least)
	}
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, l.Close())
	require.NoFileExists(t, filepath.Join(from, segmentName(1)), "segments were removed meanwhile")

	to := filepath.Join(root, "copy")
	require.NoError(t, Copy(vfs.Default, from, to)) // of one that nobody has open
	require.Equal(t, acked.Load(), lastOf(t, vfs.Default, to))
}

// segmentedLog is an open log in dir, with a segment for every few of 40 entries that are all committed.
func segmentedLog(t *testing.T, fs vfs.FS, dir string) *store {
	t.Helper()
	l, err := Open(dir, Options{FS: fs, TailBytesMax: 1, segmentBytes: 600})
	require.NoError(t, err)
	require.NoError(t, l.SetMetadata([]byte("identity")))
	for i := range uint64(40) {
		require.NoError(t, l.Append(hardStateOf(1, 1, i), entries(i+1, 1, 1, dataOf(i+1)), true))
	}
	return l.(*store)
}

// A copy begins anew when a segment that it has listed is gone. This is on a disk, as it depends on the error of the system.
func TestCopyBeginsAnewWhenASegmentIsRemoved(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "copy")
	l := segmentedLog(t, vfs.Default, from)
	removed, compacted := 0, uint64(0)
	fs := beforeOpen(vfs.Default, segmentSuffix, func(path string) error {
		if removed == 3 {
			return nil
		}
		removed++
		for _, err := os.Stat(path); err == nil; _, err = os.Stat(path) {
			compacted++
			require.NoError(t, l.Compact(compacted))
		}
		return nil
	})
	require.NoError(t, Copy(fs, from, to))
	require.Equal(t, 3, removed)
	require.EqualValues(t, 40, lastOf(t, vfs.Default, to))
	again, err := Open(to, Options{})
	require.NoError(t, err)
	first, err := again.FirstIndex()
	require.NoError(t, err)
	require.Equal(t, compacted+1, first)
	require.Equal(t, "identity", string(again.Metadata()))
	require.NoError(t, again.Close())
	require.NoError(t, l.Close())
}

// Entries that come into a segment which was not listed yet are not in the copy, and must not be in its watermark.
func TestCopyOfALogThatGoesOnInANewSegment(t *testing.T) {
	fs := vfs.NewMem()
	l := segmentedLog(t, fs, "log")
	next := uint64(41)
	busy := beforeOpen(fs, watermarkName, func(string) error {
		for ; next <= 80; next++ {
			if err := l.Append(hardStateOf(1, 1, next-1), entries(next, 1, 1, dataOf(next)), true); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, Copy(busy, "log", "copy"))
	require.EqualValues(t, 81, next)
	require.GreaterOrEqual(t, lastOf(t, fs, "copy"), uint64(40))
	require.NoError(t, l.Close())
}

// A record that is being written when the log is copied is left out, also when its length is there already.
func TestCopyLeavesATornRecordOut(t *testing.T) {
	fs := vfs.NewMem()
	l := segmentedLog(t, fs, "log")
	seg := l.w.seg
	name := segmentName(seg.seq)
	whole := contentOf(t, fs, "log")[name]
	b := (&record{entries: entries(41, 1, 1, strings.Repeat("x", 200))}).append(make([]byte, frameSize))
	putFrame(b, seg.sum)
	for _, torn := range [][]byte{b[:3], b[:frameSize], b[:len(b)-1], append(b[:len(b)-1:len(b)-1], make([]byte, 500)...)} {
		_, err := seg.file.WriteAt(torn, seg.size)
		require.NoError(t, err)
		require.NoError(t, Copy(fs, "log", "copy"))
		require.Equal(t, whole, contentOf(t, fs, "copy")[name])
		require.EqualValues(t, 40, lastOf(t, fs, "copy"))
		require.NoError(t, fs.RemoveAll("copy"))
	}
	require.NoError(t, l.Close())
}

// The source is only read, the copy is durable, and a copy that failed, wherever it did, leaves nothing.
func TestCopyIsWholeOrNothing(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l := segmentedLog(t, mem, "log")
	require.NoError(t, l.Compact(15))
	before := contentOf(t, mem, "log")
	failed := 0
	for {
		n := 0
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			n++
			if n == failed+1 {
				return errDisk
			}
			return nil
		}))
		err := Copy(fs, "log", "copy")
		require.Equal(t, before, contentOf(t, mem, "log"))
		if n <= failed {
			require.NoError(t, err)
			break
		}
		require.ErrorIs(t, err, errDisk)
		_, err = mem.Stat("copy")
		require.ErrorIs(t, err, os.ErrNotExist)
		failed++
	}
	require.Greater(t, failed, 20)
	require.EqualValues(t, 40, lastOf(t, mem.CrashClone(vfs.CrashCloneCfg{}), "copy"))
	require.NoError(t, l.Close())
}

// A copy gives up when segments are gone at each attempt.
func TestCopyGivesUp(t *testing.T) {
	mem := vfs.NewMem()
	require.NoError(t, segmentedLog(t, mem, "log").Close())
	attempts := 0
	fs := beforeOpen(mem, segmentSuffix, func(path string) error {
		attempts++
		return &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	})
	require.ErrorIs(t, Copy(fs, "log", "copy"), os.ErrNotExist)
	require.Equal(t, copiesMax, attempts)
	_, err := mem.Stat("copy")
	require.ErrorIs(t, err, os.ErrNotExist)
}
