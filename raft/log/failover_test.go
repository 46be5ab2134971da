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

// Where the first disk answers nothing at all, the watermark included, appends go on on the other one, and on the first when it is
// well again.
func TestAppendsGoOnWhereNothingAnswers(t *testing.T) {
	mem := vfs.NewMem()
	var hang atomic.Bool
	release := make(chan struct{})
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if hang.Load() && strings.HasPrefix(op.Path, "log/") && op.Kind != errorfs.OpFileReadAt {
			<-release
		}
		return nil
	}))
	o := hasty(Options{FailoverDir: "other-disk", segmentBytes: 2000})
	l := mustOpen(t, fs, o)
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, "before"), true))
	appendSome := func(first, n uint64) {
		done := make(chan error, 1)
		go func() {
			for i := first; i < first+n; i++ {
				if err := l.Append(nil, entries(i, 1, 1, strings.Repeat("x", 200)), true); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(10 * time.Second):
			close(release)
			require.FailNow(t, "the appends hang with the disk")
		}
	}
	hang.Store(true)
	appendSome(4, 30)
	hang.Store(false)
	close(release)
	f := l.w.second
	require.Eventually(t, func() bool { return !f.disks[0].left.Load() }, 10*time.Second, time.Millisecond)
	appendSome(34, 3)
	require.NoError(t, l.Append(hardStateOf(1, 1, 30), nil, false))
	require.Equal(t, uint64(36), l.mark.highest().last)
	require.NoError(t, l.Close())
	again := mustOpen(t, mem, o)
	last, err := again.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 36, last)
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

// A segment may be found by a name in the second folder that was not made durable.
func TestStartMakesTheSecondFoldersNamesDurable(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var hang, killed atomic.Bool
	release := make(chan struct{})
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		if hang.Load() && sync && strings.HasPrefix(op.Path, "log/") && strings.Contains(op.Path, segmentSuffix) {
			<-release
		}
		if killed.Load() && op.Kind == errorfs.OpOpenDir && op.Path == "second" {
			return errDisk // stands for a kill between rename and the sync of the folder
		}
		return nil
	}))
	o := hasty(Options{FailoverDir: "second"})
	l := mustOpen(t, fs, o)
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, "before"), true))
	hang.Store(true)
	killed.Store(true)
	require.Error(t, l.Append(nil, entries(4, 1, 1, "moved"), true))
	hang.Store(false)
	killed.Store(false)
	close(release)
	_ = l.Close()

	l = reopen(t, fs, o)
	last, err := l.LastIndex()
	require.NoError(t, err)
	require.NoError(t, l.Append(nil, entries(last+1, 1, 1, "acknowledged"), true))
	again, err := Open("log", Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), FailoverDir: "second"})
	require.NoError(t, err)
	got, _ := again.LastIndex()
	require.Equal(t, last+1, got)
	require.NoError(t, again.Close())
	require.NoError(t, l.Close())
}

// What a hanging disk still does must not meet the next writer: the log stays locked as long as the process lives.
func TestLockIsKeptWhileADiskHangs(t *testing.T) {
	mem := vfs.NewMem()
	var hang atomic.Bool
	release := make(chan struct{})
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if hang.Load() && op.Kind == errorfs.OpCreate {
			if strings.HasPrefix(op.Path, "log/") && strings.HasSuffix(op.Path, newSuffix) {
				<-release
			} else if strings.HasPrefix(op.Path, "second/") && strings.HasSuffix(op.Path, newSuffix) {
				return errDisk
			}
		}
		return nil
	}))
	o := hasty(Options{FailoverDir: "second", segmentBytes: 300})
	l := mustOpen(t, fs, o)
	hang.Store(true)
	var err error
	last := uint64(0)
	for err == nil {
		if err = l.Append(hardStateOf(1, 1, 0), entries(last+1, 1, 1, "x"), true); err == nil {
			last++
		}
	}
	require.ErrorIs(t, err, ErrFailed)
	_ = l.Close()
	hang.Store(false)
	o.segmentBytes = 0
	_, err = Open("log", Options{FS: fs, FailoverDir: "second"})
	require.ErrorContains(t, err, "lock")
	close(release) // the first store's goroutine goes on
	l = reopen(t, fs, o)
	for i := range uint64(5) {
		require.NoError(t, l.Append(nil, entries(last+1+i, 1, 1, "acknowledged"), true))
	}
	require.NoError(t, l.Close())
	again, err := Open("log", Options{FS: mem, FailoverDir: "second"})
	require.NoError(t, err)
	got, _ := again.LastIndex()
	require.Equal(t, last+5, got)
	require.NoError(t, again.Close())
}

// An append that hangs on the second disk goes back to the first once that is well.
func TestAppendGoesBackToADiskThatIsWell(t *testing.T) {
	mem := vfs.NewMem()
	var hang [2]atomic.Bool
	var hung atomic.Bool // the second disk, in a sync
	rel := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		for i, p := range []string{"log/", "second/"} {
			if sync && hang[i].Load() && strings.HasPrefix(op.Path, p) && (strings.Contains(op.Path, segmentSuffix) || strings.HasSuffix(op.Path, probeName)) {
				if i == 1 {
					hung.Store(true)
				}
				<-rel[i]
			}
		}
		return nil
	}))
	l := mustOpen(t, fs, hasty(Options{FailoverDir: "second"}))
	hang[0].Store(true)
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 1, "x"), true)) // moves to second
	hang[1].Store(true)
	done := make(chan error, 1)
	go func() { done <- l.Append(nil, entries(2, 1, 1, "x"), true) }()
	require.Eventually(t, hung.Load, time.Minute, time.Millisecond)
	hang[0].Store(false)
	close(rel[0]) // the first disk is well again
	require.NoError(t, <-done)
	hang[1].Store(false)
	close(rel[1])
	require.NoError(t, l.Close())
}

// A segment that was made too late is nobody's, and is removed.
func TestLateSegmentsAreRemoved(t *testing.T) {
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasPrefix(op.Path, "log/") && strings.HasSuffix(op.Path, newSuffix) {
			time.Sleep(5 * time.Millisecond) // making 32 MiB takes longer than patience.write, a probe does not
		}
		return nil
	}))
	o := hasty(Options{FailoverDir: "second"})
	o.patience.probe = 100 * time.Millisecond
	l := mustOpen(t, fs, o)
	l.w.sizeMax = 200
	for i := range uint64(200) {
		require.NoError(t, l.Append(hardStateOf(1, 1, i), entries(i+1, 1, 1, "x"), true))
		require.NoError(t, l.Compact(i+1))
	}
	files := func() (n int) {
		for _, dir := range []string{"log", "second"} {
			names, err := mem.List(dir)
			require.NoError(t, err)
			for _, name := range names {
				if _, ok := segmentSeq(name); ok {
					n++
				}
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return files() == len(l.segments) }, time.Minute, time.Millisecond)
	require.NoError(t, l.Close())
}

// A disk that failed keeps its segments; those of the other one go.
func TestSegmentsAreRemovedBesideAFailedDisk(t *testing.T) {
	mem := vfs.NewMem()
	var bad atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if bad.Load() && op.Kind == errorfs.OpFileSyncData && strings.HasPrefix(op.Path, "log/") && strings.Contains(op.Path, segmentSuffix) {
			time.Sleep(20 * time.Millisecond)
			return errDisk
		}
		return nil
	}))
	l := mustOpen(t, fs, hasty(Options{FailoverDir: "second", segmentBytes: 200}))
	bad.Store(true)
	for i := range uint64(300) {
		require.NoError(t, l.Append(hardStateOf(1, 1, i), entries(i+1, 1, 1, "x"), true))
		require.NoError(t, l.Compact(i+1))
	}
	require.Less(t, len(l.segments), 5)
	_ = l.Close() // the first disk's error
}
