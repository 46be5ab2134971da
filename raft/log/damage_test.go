package log

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// contentOf maps every file of a folder to what is in it.
func contentOf(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	names, err := fs.List(dir)
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		require.NoError(t, err)
		b, err := io.ReadAll(f)
		require.NoError(t, errors.Join(err, f.Close()))
		all[name] = string(b)
	}
	return all
}

// restore writes what contentOf read.
func restore(t *testing.T, all map[string]string) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("log", 0o700))
	for name, content := range all {
		f, err := fs.Create(fs.PathJoin("log", name), vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = f.Write([]byte(content))
		require.NoError(t, errors.Join(err, f.Close()))
	}
	return fs
}

// filled is the content of a log with 40 entries, of which all are committed.
func filled(t *testing.T) map[string]string {
	t.Helper()
	fs := vfs.NewMem()
	l := mustOpen(t, fs, Options{})
	require.NoError(t, l.SetMetadata([]byte("identity")))
	for i := range uint64(40) {
		require.NoError(t, l.Append(hardStateOf(1, 1, i), entries(i+1, 1, 1, strings.Repeat("x", 200)), true))
	}
	require.NoError(t, l.Close())
	return contentOf(t, fs, "log")
}

// refused opens a damaged log; want says what the error must be. The folder must be as it was, but for an empty LOCK.
func refused(t *testing.T, all map[string]string, want error) {
	t.Helper()
	fs := restore(t, all)
	before := contentOf(t, fs, "log")
	l, err := Open("log", Options{FS: fs})
	if err == nil {
		_ = l.Close()
	}
	require.ErrorIs(t, err, want)
	after := contentOf(t, fs, "log")
	if _, had := before["LOCK"]; !had {
		delete(after, "LOCK")
	}
	require.Equal(t, before, after)
}

func sortedNames(all map[string]string, suffix string) (names []string) {
	for name := range all {
		if strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func TestBitRotIsDamageWhereverItIs(t *testing.T) {
	good := filled(t)
	wals := sortedNames(good, ".log")
	wal := wals[len(wals)-1]
	size := len(strings.TrimRight(good[wal], "\x00"))
	require.Greater(t, size, 8000)
	silent := 0
	for at := 0; at < size; at += size / 25 {
		t.Run(fmt.Sprint("byte", at), func(t *testing.T) {
			all := map[string]string{}
			for name, content := range good {
				all[name] = content
			}
			b := []byte(all[wal])
			b[at] ^= 0x40
			all[wal] = string(b)
			// What isn't refused must be whole: some bytes (of the trailer, of padding) say nothing.
			fs := restore(t, all)
			if l, err := Open("log", Options{FS: fs}); err == nil {
				last, err := l.LastIndex()
				require.NoError(t, errors.Join(err, l.Close()))
				require.EqualValues(t, 40, last)
				silent++
				return
			}
			refused(t, all, ErrCorrupt)
		})
	}
	require.LessOrEqual(t, silent, 2)
}

// Damage is told of in one line, which names the place.
func TestDamageIsToldInOneLine(t *testing.T) {
	all := filled(t)
	name := sortedNames(all, segmentSuffix)[0]
	all[name] = strings.Repeat("?", 50) + all[name][50:]
	_, err := Open("log", Options{FS: restore(t, all)})
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, name)
	require.NotContains(t, err.Error(), "\n")
}

func TestTruncationIsDamage(t *testing.T) {
	good := filled(t)
	wals := sortedNames(good, ".log")
	wal := wals[len(wals)-1]
	size := len(strings.TrimRight(good[wal], "\x00"))
	for _, keep := range []int{0, 1, 100, size / 2, size - 200} {
		all := map[string]string{}
		for name, content := range good {
			all[name] = content
		}
		all[wal] = all[wal][:keep]
		refused(t, all, ErrCorrupt)
	}
}

func TestMissingFilesAreDamage(t *testing.T) {
	good := filled(t)
	for name := range good {
		if name == "LOCK" || strings.HasPrefix(name, "OPTIONS") || strings.HasPrefix(name, "marker.format") {
			continue // not needed to read it
		}
		t.Run(name, func(t *testing.T) {
			all := map[string]string{}
			for other, content := range good {
				if other != name {
					all[other] = content
				}
			}
			refused(t, all, ErrCorrupt)
		})
	}
}

func TestDamagedWatermark(t *testing.T) {
	good := filled(t)
	spoil := func(offsets ...int) map[string]string {
		all := map[string]string{}
		for name, content := range good {
			all[name] = content
		}
		b := []byte(all[watermarkName])
		for _, at := range offsets {
			b[at] ^= 1
		}
		all[watermarkName] = string(b)
		return all
	}
	refused(t, spoil(9, watermarkSlot+9), ErrCorrupt)
	l, err := Open("log", Options{FS: restore(t, spoil(9))})
	require.NoError(t, err, "one slot may be torn")
	require.NoError(t, l.Close())
	l, err = Open("log", Options{FS: restore(t, spoil(watermarkSlot+9))})
	require.NoError(t, err, "or the other one")
	require.NoError(t, l.Close())
}

// quiet is a logger for Pebble.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func TestForeignFoldersAreLeftAlone(t *testing.T) {
	refused(t, map[string]string{"0000000000000000-0000000000000000.wal": "etcd's"}, ErrForeign)
	refused(t, map[string]string{"notes.txt": "mine"}, ErrForeign)

	fs := vfs.NewMem()
	db, err := pebble.Open("log", &pebble.Options{FS: fs, Logger: quiet{}})
	require.NoError(t, err)
	require.NoError(t, db.Set([]byte("key"), []byte("value"), pebble.Sync))
	require.NoError(t, db.Close())
	refused(t, contentOf(t, fs, "log"), ErrForeign)
}

func TestLockedFolderIsNeitherDamagedNorForeign(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l, err := Open(dir, Options{})
	require.NoError(t, err)
	_, err = Open(dir, Options{})
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrCorrupt)
	require.NotErrorIs(t, err, ErrForeign)
	require.NoError(t, l.Close())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "stray"), nil, 0o600))
	_, err = Open(dir, Options{})
	require.ErrorIs(t, err, ErrForeign)
}
