package log

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// openDirectFile makes a file with what a segment begins with, or ends the test where there are no direct writes.
func openDirectFile(t *testing.T, begin []byte, room int64) (string, *directWriter) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, begin, 0o600))
	w := openDirect(path, int64(len(begin)), room)
	if w == nil {
		t.Skip("the file system of the temporary folder offers no direct writes")
	}
	t.Cleanup(func() { require.NoError(t, w.close()) })
	return path, w
}

func TestDirectWritesAreWhatAnAppendWouldBe(t *testing.T) {
	for seed := range uint64(4) {
		for _, begin := range []int{1, blockBytes - 1, blockBytes, 3*blockBytes + 17} {
			rng := rand.New(rand.NewPCG(seed, 1))
			want := bytes.Repeat([]byte{7}, begin)
			path, w := openDirectFile(t, want, 1<<20)
			for range 200 {
				size := rng.IntN(2000)
				if rng.IntN(20) == 0 {
					size = rng.IntN(2 * directBufferMax)
				}
				b := bytes.Repeat([]byte{byte(1 + rng.IntN(255))}, size)
				require.NoError(t, w.append(b))
				want = append(want, b...)
			}
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got[:len(want)]))
			require.Empty(t, strings.Trim(string(got[len(want):]), "\x00"), "zeros follow")
			require.Less(t, len(got)-len(want), stretchBytes+blockBytes)
		}
	}
}

// recordedWrites keeps where writes went.
type recordedWrites struct{ ends []int64 }

// WriteAt implements io.WriterAt.
func (r *recordedWrites) WriteAt(b []byte, at int64) (int, error) {
	r.ends = append(r.ends, at+int64(len(b)))
	return len(b), nil
}

// Close implements io.Closer.
func (*recordedWrites) Close() error { return nil }

func TestDirectWritesReachNewBlocksInStretches(t *testing.T) {
	r := &recordedWrites{}
	w := &directWriter{file: r, room: 3 * stretchBytes / 2}
	count := func() (beyond int) {
		far := int64(0)
		for _, end := range r.ends {
			if end > far {
				beyond, far = beyond+1, end
			}
		}
		return beyond
	}
	for range stretchBytes / 512 {
		require.NoError(t, w.append(make([]byte, 512)))
	}
	require.Equal(t, 1, count(), "one stretch held them all")
	require.NoError(t, w.append(make([]byte, 512)))
	require.Equal(t, int64(3*stretchBytes/2), r.ends[len(r.ends)-1], "zeros end where the room does")
	require.NoError(t, w.append(make([]byte, stretchRecordMax+1)))
	require.NoError(t, w.append(make([]byte, 2*stretchBytes)))
	require.Less(t, r.ends[len(r.ends)-1], w.base+2*blockBytes, "a large record brings no zeros")
	require.Equal(t, 3, count())
}

// mustOpenIn is mustOpen for a folder of the machine.
func mustOpenIn(t *testing.T, dir string, o Options) *store {
	t.Helper()
	l, err := Open(filepath.Join(dir, "log"), o)
	require.NoError(t, err)
	return l.(*store)
}

func TestLogOnTheMachinesFiles(t *testing.T) {
	dir := t.TempDir()
	o := Options{FS: vfs.Default, TailBytesMax: 1, segmentBytes: 16 << 10}
	m := &model{}
	for life := range 3 {
		l := mustOpenIn(t, dir, o)
		require.Equal(t, m.String(), modelOf(t, l).String())
		for i := range 300 {
			es := entries(m.last()+1, 1, 1+i%3, fmt.Sprint(life, i, strings.Repeat(".", i)))
			hs := hardStateOf(1, 1, m.last())
			m.append(hs, es)
			require.NoError(t, l.Append(hs, es, i%2 == 0))
		}
		require.Greater(t, len(l.segments), 2)
		require.Equal(t, m.String(), modelOf(t, l).String(), "the entries are read from the files")
		require.NoError(t, l.Close())
	}
}

func TestDirectWritesAreOfNewestSegmentOnly(t *testing.T) {
	_, probe := openDirectFile(t, []byte("begin"), blockBytes)
	require.NotNil(t, probe)
	o := Options{FS: vfs.Default, segmentBytes: 4 << 10}
	l := mustOpenIn(t, t.TempDir(), o)
	for i := range uint64(20) {
		require.NoError(t, l.Append(nil, entries(i+1, 1, 1, strings.Repeat("x", 1000)), true))
	}
	require.Greater(t, len(l.segments), 2)
	for _, seg := range l.segments[:len(l.segments)-1] {
		require.Nil(t, seg.direct)
	}
	require.NotNil(t, l.segments[len(l.segments)-1].direct)
	require.NoError(t, l.Close())

	o.UnsafeNoSync = true
	l = mustOpenIn(t, t.TempDir(), o)
	require.Nil(t, l.w.seg.direct, "who does not want to wait for the disk writes into the page cache")
	require.NoError(t, l.Close())
}
