package storage_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/storagetest"
)

// damageKeys is the number of keys in the store that gets damaged.
const damageKeys = 500

// wholeFolder returns the files of a closed store of damageKeys keys.
func wholeFolder(t *testing.T) map[string]string {
	t.Helper()
	fs := vfs.NewMem()
	s, err := storage.Open("data", storage.Options{FS: fs, FlushInterval: -1})
	require.NoError(t, err)
	b := s.NewBatch()
	for i := range damageKeys {
		tx := b.Begin()
		require.NoError(t, tx.Put(benchKey(i), benchValue(i), 0))
		tx.End()
	}
	require.NoError(t, b.Commit(1, 1))
	require.NoError(t, s.Flush())
	require.NoError(t, s.Close())
	return folderContent(t, fs, "data")
}

// copyFolder returns a file system that holds the files.
func copyFolder(t *testing.T, files map[string]string) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	for name, content := range files {
		require.NoError(t, fs.MkdirAll(path.Dir(name), 0o700))
		writeFile(t, fs, name, []byte(content))
	}
	return fs
}

// folderContent reads every file below dir but lock files, which hold nothing.
func folderContent(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	content := make(map[string]string)
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, n := range names {
		p := fs.PathJoin(dir, n)
		info, err := fs.Stat(p)
		require.NoError(t, err)
		if info.IsDir() {
			for k, v := range folderContent(t, fs, p) {
				content[k] = v
			}
			continue
		}
		if n != schema.LockFile {
			content[p] = readFile(t, fs, p)
		}
	}
	return content
}

// readFile returns the content of a file.
func readFile(t *testing.T, fs vfs.FS, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return string(b)
}

// writeFile replaces the content of a file.
func writeFile(t *testing.T, fs vfs.FS, name string, content []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// checkDamaged opens a damaged folder: either that fails with a marked error
// and changes nothing, or what is read is right or fails with a marked error,
// or it is an older state that says which.
// It says whether the damage was noticed.
func checkDamaged(t *testing.T, fs *vfs.MemFS, what string) (noticed bool) {
	t.Helper()
	before := folderContent(t, fs, "data")
	s, err := storage.Open("data", storage.Options{FS: fs, FlushInterval: -1})
	if err != nil {
		require.True(t, errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrForeign), "%s: %v", what, err)
		require.True(t, maps.Equal(before, folderContent(t, fs, "data")), "%s: folder changed", what)
		return true
	}
	defer func() { require.NoError(t, s.Close(), "%s", what) }()
	if index, _ := s.Applied(); index == 0 {
		// A manifest that lost its last records names the state before them, as after a crash, and says so: the log is
		// replayed from there, or found to begin later.
		require.Contains(t, what, "MANIFEST")
		require.Equal(t, int64(1), s.Revision(), "%s", what)
		return true
	}
	require.Equal(t, int64(1+damageKeys), s.Revision(), "%s", what)
	for i := 0; i < damageKeys; i += 3 {
		r, err := s.Range(context.Background(), benchKey(i), nil, storage.RangeOptions{})
		if err != nil {
			require.ErrorIs(t, err, storage.ErrCorrupt, "%s", what)
			noticed = true
			continue
		}
		require.Len(t, r.KVs, 1, "%s", what)
		require.Equal(t, benchValue(i), r.KVs[0].Value, "%s", what)
	}
	return noticed
}

// TestDamage flips bits in, truncates and removes every file of a store.
func TestDamage(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-crash.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	files := wholeFolder(t)
	require.NotEmpty(t, files)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		t.Run("flip/"+name, func(t *testing.T) {
			for range 6 {
				if content == "" {
					return
				}
				fs := copyFolder(t, files)
				b := []byte(content)
				bit := rng.IntN(8 * len(b))
				b[bit/8] ^= 1 << (bit % 8)
				writeFile(t, fs, name, b)
				checkDamaged(t, fs, name)
			}
		})
		t.Run("truncate/"+name, func(t *testing.T) {
			for range 4 {
				if content == "" {
					return
				}
				fs := copyFolder(t, files)
				writeFile(t, fs, name, []byte(content)[:rng.IntN(len(content))])
				checkDamaged(t, fs, name)
			}
		})
		t.Run("remove/"+name, func(t *testing.T) {
			fs := copyFolder(t, files)
			require.NoError(t, fs.Remove(name))
			checkDamaged(t, fs, name)
		})
	}
}

// TestDamageEngineMissing removes the folder that the pointer file names.
func TestDamageEngineMissing(t *testing.T) {
	fs := copyFolder(t, wholeFolder(t))
	require.NoError(t, fs.RemoveAll("data/engine-000001"))
	require.True(t, checkDamaged(t, fs, "engine folder"))
}

// TestDamagePointerMissing removes the pointer file: the state must not be
// taken for a new store's.
func TestDamagePointerMissing(t *testing.T) {
	fs := copyFolder(t, wholeFolder(t))
	require.NoError(t, fs.Remove(path.Join("data", schema.PointerFile)))
	require.True(t, checkDamaged(t, fs, "pointer file"))
}

// TestForeign opens folders that petcd did not write, or that a later petcd
// wrote.
func TestForeign(t *testing.T) {
	for what, make := range map[string]func(fs vfs.FS){
		"etcd's snap": func(fs vfs.FS) {
			require.NoError(t, fs.MkdirAll("data/snap", 0o700))
			writeFile(t, fs, "data/snap/db", []byte("bbolt"))
		},
		"some file": func(fs vfs.FS) { writeFile(t, fs, "data/README", []byte("hello")) },
		"newer format": func(fs vfs.FS) {
			writeFile(t, fs, "data/"+schema.PointerFile, []byte("petcd-state 2 engine-000001 c7dbfadb\n"))
		},
		"other program": func(fs vfs.FS) {
			writeFile(t, fs, "data/"+schema.PointerFile, []byte("MANIFEST-000001\n"))
		},
	} {
		t.Run(what, func(t *testing.T) {
			fs := vfs.NewMem()
			require.NoError(t, fs.MkdirAll("data", 0o700))
			make(fs)
			before := folderContent(t, fs, "data")
			_, err := storage.Open("data", storage.Options{FS: fs})
			require.ErrorIs(t, err, storage.ErrForeign)
			require.Equal(t, before, folderContent(t, fs, "data"))
		})
	}
}

// TestLocked opens a store twice.
func TestLocked(t *testing.T) {
	fs := vfs.NewMem()
	s, err := storage.Open("data", storage.Options{FS: fs})
	require.NoError(t, err)
	_, err = storage.Open("data", storage.Options{FS: fs})
	require.ErrorContains(t, err, "in use")
	m := storagetest.NewModel()
	storagetest.Compare(t, s, m, rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Close(), storage.ErrClosed)
}
