package log

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// writtenLog makes a log of two segments that says whose it is.
func writtenLog(t *testing.T, fs vfs.FS, meta string, o Options) {
	t.Helper()
	l := mustOpen(t, fs, o)
	require.NoError(t, l.SetMetadata([]byte(meta)))
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 3, meta), true))
	require.NoError(t, l.Close())
	require.NoError(t, mustOpen(t, fs, o).Close())
}

// What was set aside is kept until the next time, and the folders are as for a new log.
func TestSetAside(t *testing.T) {
	fs := vfs.NewMem()
	o := Options{FailoverDir: "second"}
	require.NoError(t, SetAside(fs, "log", "second"), "there is nothing")
	for _, meta := range []string{"older", "newer"} {
		writtenLog(t, fs, meta, o)
		require.NoError(t, SetAside(fs, "log", "second"))
		for _, dir := range []string{"log", "second"} {
			names, err := fs.List(dir)
			require.NoError(t, err)
			require.Subset(t, []string{lockName, asideDir}, names)
		}
	}
	l := mustOpen(t, fs, o)
	require.Nil(t, l.Metadata())
	require.NoError(t, l.Close())

	kept, err := Open("log/damaged", Options{FS: fs, FailoverDir: "second/damaged"})
	require.NoError(t, err)
	require.Equal(t, "newer", string(kept.Metadata()))
	require.NoError(t, kept.Close())
}

// Wherever setting aside is cut off, what is left is not taken for a new log, and another call ends it without losing a file.
func TestSetAsideIsCutOff(t *testing.T) {
	for at := 0; ; at++ {
		mem, n := vfs.NewMem(), 0
		writtenLog(t, mem, "mine", Options{})
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if n++; n > at {
				return errDisk
			}
			return nil
		}))
		err := SetAside(fs, "log", "")
		if err == nil {
			require.Greater(t, at, 10)
			return
		}
		require.ErrorIs(t, err, errDisk)
		if l, err := Open("log", Options{FS: mem}); err == nil {
			if l.Metadata() == nil {
				names, listed := mem.List("log/damaged")
				require.NoError(t, listed)
				require.Contains(t, names, watermarkName, "a new log, though not all of the old one is set aside")
			}
			require.NoError(t, l.Close())
		} else {
			require.ErrorIs(t, err, ErrCorrupt)
		}
		require.NoError(t, SetAside(mem, "log", ""))
		names, err := mem.List("log/damaged")
		require.NoError(t, err)
		require.Contains(t, names, watermarkName)
		require.Contains(t, names, segmentName(1))
	}
}
