package log

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// FuzzOpen puts any bytes at any place of a log's newest segment, or in place of all of it. Such a log is refused as damaged or
// foreign, or holds what it held: a byte that was changed behind its end says nothing.
func FuzzOpen(f *testing.F) {
	good := filled(f)
	names := sortedNames(good, ".log")
	newest := names[len(names)-1]
	size := len(strings.TrimRight(good[newest], "\x00"))
	want := func() string {
		l, err := Open("log", Options{FS: restore(f, good)})
		require.NoError(f, err)
		defer l.Close()
		return modelOf(f, l.(*store)).String()
	}()
	f.Add(uint32(frameSize), []byte{partHead})
	f.Add(uint32(size/2), []byte{0xff})
	f.Add(uint32(size), []byte{0, 0, 0, 1})
	f.Add(uint32(0), []byte(nil))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		fs := restore(t, good)
		segment := []byte(good[newest])
		if at == 0 {
			segment = patch
		} else {
			copy(segment[int(at)%min(size+8, len(segment)):], patch)
		}
		w, err := fs.Create(fs.PathJoin("log", newest), vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = w.Write(segment)
		require.NoError(t, errors.Join(err, w.Close()))
		l, err := Open("log", Options{FS: fs})
		if err != nil {
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeign) || strings.Contains(err.Error(), "format version"), "%v", err)
			return
		}
		require.Equal(t, want, modelOf(t, l.(*store)).String())
		require.NoError(t, l.Close())
	})
}
