package snapshot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// header is that of the archives made here.
var header = Header{Index: 1 << 40, Term: 7, Revision: 300, CompactRevision: -1, Keys: 20}

// folder makes dir with files of these sizes and a LOCK file, and returns the
// content of the files.
func folder(t require.TestingT, fs vfs.FS, dir string, sizes ...int) map[string]string {
	require.NoError(t, fs.MkdirAll(dir, 0o755))
	content := map[string]string{}
	rng := rand.NewChaCha8([32]byte{1})
	for i, size := range append(sizes, 1) {
		name := fmt.Sprintf("%06d.sst", i)
		if i == len(sizes) {
			name = "LOCK"
		}
		b := make([]byte, size)
		rng.Read(b)
		if name != "LOCK" {
			content[name] = string(b) // a vfs.File may change what it was given
		}
		f, err := fs.Create(fs.PathJoin(dir, name), vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = f.Write(b)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	return content
}

// list returns the content of a folder's files.
func list(t require.TestingT, fs vfs.FS, dir string) map[string]string {
	names, err := fs.List(dir)
	require.NoError(t, err)
	content := map[string]string{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		require.NoError(t, err)
		b, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		content[name] = string(b)
	}
	return content
}

// pack archives a folder.
func pack(t require.TestingT, fs vfs.FS, dir string) []byte {
	a, err := New(fs, dir, header, "LOCK")
	require.NoError(t, err)
	var b bytes.Buffer
	n, err := a.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, a.Size(), n)
	require.Equal(t, a.Size(), int64(b.Len()))
	return b.Bytes()
}

// TestRoundTrip carries folders of any shape through an archive.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem()
		size := rapid.OneOf(rapid.IntRange(0, 2000), rapid.IntRange(chunkLenMax-2, chunkLenMax+2), rapid.Just(2*chunkLenMax))
		want := folder(t, fs, "from", rapid.SliceOfN(size, 0, 4).Draw(t, "sizes")...)
		b := pack(t, fs, "from")
		require.Zero(t, len(b)%512)
		require.NoError(t, fs.MkdirAll("to", 0o755))
		// What follows an archive in a stream is not read.
		r := bytes.NewReader(append(b, "rest"...))
		h, err := Unpack(r, fs, "to", "stage")
		require.NoError(t, err)
		require.Equal(t, 4, r.Len())
		require.Equal(t, header.Index, h.Index)
		require.Equal(t, int64(len(want)), h.Files)
		require.Equal(t, want, list(t, fs, "to/stage"))

		status, err := Inspect(bytes.NewReader(b))
		require.NoError(t, err)
		require.Equal(t, h, status.Header)
		require.Equal(t, int64(len(b)), status.Size)
		sum := sha256.Sum256(b)
		again, err := Inspect(bytes.NewReader(append(b, sum[:]...)))
		require.NoError(t, err)
		require.Equal(t, status.Hash, again.Hash)
		sum[3] ^= 1
		_, err = Inspect(bytes.NewReader(append(b, sum[:]...)))
		require.ErrorIs(t, err, ErrCorrupt)
	})
}

// TestDamaged flips every bit of a small archive, and cuts it at every length:
// each is noticed, and leaves nothing.
func TestDamaged(t *testing.T) {
	fs := vfs.NewMem()
	folder(t, fs, "from", 100, 0, 30)
	good := pack(t, fs, "from")
	refuse := func(b []byte, what string, at int) {
		_, err := Inspect(bytes.NewReader(b))
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
			t.Fatalf("%s at byte %d: %v", what, at, err)
		}
	}
	for i := range len(good) {
		for bit := range 8 {
			good[i] ^= 1 << bit
			refuse(good, "flipped bit", i)
			good[i] ^= 1 << bit
		}
		refuse(good[:i], "cut off", i)
	}
	require.NoError(t, fs.MkdirAll("to", 0o755))
	for i := 0; i < len(good); i += 7 {
		good[i] ^= 4
		_, err := Unpack(bytes.NewReader(good), fs, "to", "stage")
		require.Error(t, err)
		good[i] ^= 4
	}
	names, err := fs.List("to")
	require.NoError(t, err)
	require.Empty(t, names)
	_, err = Unpack(bytes.NewReader(good), fs, "to", "stage")
	require.NoError(t, err)
}

// TestReaderFails passes on the reader's own error.
func TestReaderFails(t *testing.T) {
	fs := vfs.NewMem()
	folder(t, fs, "from", 100)
	b := pack(t, fs, "from")
	broken := errors.New("line cut")
	for i := range len(b) {
		_, err := Unpack(io.MultiReader(bytes.NewReader(b[:i]), failing{broken}), fs, "", "stage")
		require.ErrorIs(t, err, broken, "after %d bytes", i)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestNames refuses what could leave the folder, on both sides.
func TestNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/etc", "a\x00", ".hidden", strings.Repeat("x", 256)} {
		require.ErrorIs(t, checkName(name), ErrCorrupt, "%q", name)
	}
	for _, name := range []string{"000001.sst", "MANIFEST-000001", "marker.format-version.000013.024"} {
		require.NoError(t, checkName(name))
	}
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("from", 0o755))
	f, err := fs.Create("from/a b", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = New(fs, "from", header)
	require.Error(t, err)
}

// TestUnpackCrash crashes before every file operation of Unpack, with all,
// half or none of what was not synced: the folder is whole or has not its name
// (I1).
func TestUnpackCrash(t *testing.T) {
	from := vfs.NewMem()
	want := folder(t, from, "from", 3000, 10, 0)
	archive := pack(t, from, "from")
	whole, partial := 0, 0
	for _, percent := range []int{0, 50, 100} {
		mem := vfs.NewCrashableMem()
		require.NoError(t, mem.MkdirAll("to", 0o755))
		root, err := mem.OpenDir("")
		require.NoError(t, err)
		require.NoError(t, root.Sync())
		rng := rand.New(rand.NewPCG(uint64(percent), 0))
		check := func(finished bool) {
			crashed := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			names, err := crashed.List("to")
			require.NoError(t, err)
			for _, name := range names {
				if name == "stage" {
					whole++
					require.Equal(t, want, list(t, crashed, "to/stage"))
				} else {
					partial++
					require.Equal(t, "stage"+Partial, name)
				}
			}
			require.False(t, finished && len(names) != 1)
		}
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(errorfs.Op) error {
			check(false)
			return nil
		}))
		_, err = Unpack(bytes.NewReader(archive), fs, "to", "stage")
		require.NoError(t, err)
		check(true)
	}
	require.GreaterOrEqual(t, whole, 3)
	require.Positive(t, partial)
}

// TestUnpackDiskFull passes on every error of the disk and leaves nothing.
func TestUnpackDiskFull(t *testing.T) {
	from := vfs.NewMem()
	folder(t, from, "from", 3000, 10)
	archive := pack(t, from, "from")
	full := errors.New("no space left")
	for at := 0; ; at++ {
		mem := vfs.NewMem()
		require.NoError(t, mem.MkdirAll("to", 0o755))
		ops, hit := 0, false
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpRemoveAll || op.Kind == errorfs.OpFileClose {
				return nil
			}
			if ops++; ops-1 == at {
				hit = true
				return full
			}
			return nil
		}))
		_, err := Unpack(bytes.NewReader(archive), fs, "to", "stage")
		if !hit {
			require.NoError(t, err)
			require.Greater(t, at, 5)
			return
		}
		require.ErrorIs(t, err, full, "operation %d", at)
	}
}

// FuzzRead must neither panic nor take memory for lengths that are not there,
// and must accept only what it would write itself.
func FuzzRead(f *testing.F) {
	fs := vfs.NewMem()
	folder(f, fs, "from", 100, 0)
	f.Add(pack(f, fs, "from"))
	folder(f, fs, "none")
	f.Add(pack(f, fs, "none"))
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		to := vfs.NewMem()
		h, err := Unpack(bytes.NewReader(b), to, "", "stage")
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
				t.Fatal(err)
			}
			return
		}
		require.Len(t, list(t, to, "stage"), int(h.Files))
		_, err = New(to, "stage", h)
		require.NoError(t, err)
	})
}

// FuzzHeader decodes any header; what is accepted must survive a round trip.
func FuzzHeader(f *testing.F) {
	f.Add(header.encode()[len(Magic)+8:])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHeader(b)
		if err != nil {
			return
		}
		e := h.encode()
		again, err := decodeHeader(e[len(Magic)+8 : len(e)-4])
		require.NoError(t, err)
		require.Equal(t, h, again)
	})
}
