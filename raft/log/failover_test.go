package log

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// With a failover folder an append goes on while the main disk hangs, and what it wrote there is found again.
func TestAppendsGoOnInTheFailoverFolder(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var hang atomic.Bool
	release := make(chan struct{})
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if sync && hang.Load() && strings.HasPrefix(op.Path, "log/") && strings.Contains(op.Path, segmentSuffix) {
			<-release
		}
		return nil
	}))
	o := Options{FailoverDir: "other-disk"}

	plain := mustOpen(t, fs, Options{}) // it may be added to a log that had none
	require.NoError(t, plain.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, "before"), true))
	require.NoError(t, plain.Close())

	l := mustOpen(t, fs, o)
	require.NoError(t, l.Append(nil, entries(4, 1, 1, "main disk"), true))
	hang.Store(true)
	done := make(chan error, 1)
	go func() { done <- l.Append(nil, entries(5, 1, 1, "other disk"), true) }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		close(release)
		require.Fail(t, "the append hangs with the disk")
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	hang.Store(false)
	close(release)
	require.NoError(t, l.Close())

	_, err := Open("log", Options{FS: crashed})
	require.Error(t, err, "part of the log is elsewhere")
	require.NotErrorIs(t, err, ErrForeign)
	again := mustOpen(t, crashed, o)
	last, err := again.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 5, last)
	require.NoError(t, again.Close())
}

// Segments that another log left in the failover folder are not taken in: neither by a new log nor by one that had no such
// folder.
func TestSegmentsOfAnotherLogAreRefused(t *testing.T) {
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("other-disk", 0o700))
	stray, err := fs.Create("other-disk/0000000000000004.log", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	require.NoError(t, stray.Close())
	o := Options{FS: fs, FailoverDir: "other-disk"}
	_, err = Open("log", o)
	require.ErrorIs(t, err, ErrStraySegments, "a new log")
	_, err = fs.Stat("log")
	require.ErrorIs(t, err, os.ErrNotExist)

	plain := mustOpen(t, fs, Options{})
	require.NoError(t, plain.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, "mine"), true))
	require.NoError(t, plain.Close())
	before := contentOf(t, fs, "log")
	_, err = Open("log", o)
	require.ErrorIs(t, err, ErrStraySegments, "a log that had none")
	require.ErrorContains(t, err, "other-disk/0000000000000004.log")
	require.Equal(t, before, contentOf(t, fs, "log"))

	require.NoError(t, fs.Remove("other-disk/0000000000000004.log"))
	l := mustOpen(t, fs, o)
	last, err := l.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 3, last)
	require.NoError(t, l.Close())
}
