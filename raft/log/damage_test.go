package log

import (
	"errors"
	"fmt"
	"io"
	"maps"
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
func contentOf(t testing.TB, fs vfs.FS, dir string) map[string]string {
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
func restore(t testing.TB, all map[string]string) vfs.FS {
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
func filled(t testing.TB) map[string]string {
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
func refused(t *testing.T, all map[string]string, want error, msgAndArgs ...any) {
	t.Helper()
	fs := restore(t, all)
	before := contentOf(t, fs, "log")
	l, err := Open("log", Options{FS: fs})
	if err == nil {
		_ = l.Close()
	}
	require.ErrorIs(t, err, want, msgAndArgs...)
	after := contentOf(t, fs, "log")
	if _, had := before["LOCK"]; !had {
		delete(after, "LOCK")
	}
	require.Equal(t, before, after, msgAndArgs...)
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
			all := maps.Clone(good)
			all[wal] = flip(all[wal], at)
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
		all := maps.Clone(good)
		all[wal] = all[wal][:keep]
		refused(t, all, ErrCorrupt)
	}
}

func TestMissingFilesAreDamage(t *testing.T) {
	for _, good := range []map[string]string{filled(t), segmented(t)} {
		for name := range good {
			if name == lockName {
				continue // not needed to read it
			}
			all := maps.Clone(good)
			delete(all, name)
			refused(t, all, ErrCorrupt, name)
		}
	}
}

// segmented is the content of a segmentedLog.
func segmented(t *testing.T) map[string]string {
	t.Helper()
	fs := vfs.NewMem()
	require.NoError(t, segmentedLog(t, fs, "log").Close())
	return contentOf(t, fs, "log")
}

// flip is a file's content with one bit turned over.
func flip(content string, at int) string {
	b := []byte(content)
	b[at] ^= 0x40
	return string(b)
}

// recordBytes is how many bytes of a segment are whole records.
func recordBytes(content string) (n int) {
	for sum := uint32(0); ; {
		payload, next, ok := takeFrame([]byte(content[n:]), sum)
		if !ok {
			return n
		}
		n += frameSize + len(payload)
		sum = next
	}
}

func TestBitRotInOlderSegments(t *testing.T) {
	good := segmented(t)
	names := sortedNames(good, segmentSuffix)
	require.Greater(t, len(names), 5)
	for _, name := range names[:len(names)-1] {
		require.Len(t, good[name], recordBytes(good[name]), "nothing but records")
		for at := 0; at < len(good[name]); at += 3 {
			all := maps.Clone(good)
			all[name] = flip(all[name], at)
			refused(t, all, ErrCorrupt, "byte %d of %s", at, name)
		}
	}
}

// A crash may bring back segments that were removed. No entry of theirs is kept, so it does not matter what is in them.
func TestDamageOfSegmentsThatAreNotNeeded(t *testing.T) {
	fs := vfs.NewMem()
	l := segmentedLog(t, fs, "log")
	before := contentOf(t, fs, "log")
	require.NoError(t, l.Compact(30))
	require.NoError(t, l.Close())
	after := contentOf(t, fs, "log")
	removed := 0
	for _, name := range sortedNames(before, segmentSuffix) {
		if _, kept := after[name]; kept {
			continue
		}
		removed++
		back := maps.Clone(before) // with the older ones and the newer ones
		maps.Copy(back, after)
		opens := func(all map[string]string) {
			l := mustOpen(t, restore(t, all), onDisk)
			holdsFrom(t, l, 31)
			require.NoError(t, l.Close())
		}
		opens(back)
		payload, _, ok := takeFrame([]byte(before[name]), 0)
		require.True(t, ok)
		for at := frameSize + len(payload); at < len(before[name]); at += 3 {
			damaged := maps.Clone(back)
			damaged[name] = flip(damaged[name], at)
			opens(damaged)
		}
		delete(back, name)
		opens(back)
	}
	require.Greater(t, removed, 3)
}

// Damage of an entry that is not in memory is found when it is read: never wrong data, and no write after that (I4).
func TestDamageOfAnOldEntryIsFoundWhenItIsRead(t *testing.T) {
	l := segmentedLog(t, vfs.NewMem(), "log")
	at := l.positions.spans(12, 14)[0]
	require.EqualValues(t, 13, at.end, "the entry has a record of its own")
	b := make([]byte, at.length)
	_, err := at.seg.file.ReadAt(b, at.offset)
	require.NoError(t, err)
	turn := func(n int) {
		b[n] ^= 0x40
		_, err := at.seg.file.WriteAt(b[n:n+1], at.offset+int64(n))
		require.NoError(t, err)
	}
	for n := range b {
		turn(n)
		for _, lo := range []uint64{12, 10} {
			got, err := l.Entries(lo, 20, 1<<20)
			require.ErrorIs(t, err, ErrCorrupt, "byte %d", n)
			require.ErrorIs(t, err, ErrFailed)
			require.Empty(t, got)
		}
		_, err = l.Term(12)
		require.ErrorIs(t, err, ErrCorrupt)
		turn(n)
	}
	require.ErrorIs(t, l.Append(nil, entries(41, 1, 1, "more"), true), ErrFailed)
	require.ErrorIs(t, l.Compact(20), ErrFailed)
	got, err := l.Entries(13, 41, 1<<20)
	require.NoError(t, err, "the others can be read")
	require.Len(t, got, 28)
	require.NoError(t, l.Close())
}

// A segment that lies under another one's name is not taken for that one.
func TestSegmentsUnderOthersNamesAreDamage(t *testing.T) {
	good := segmented(t)
	names := sortedNames(good, segmentSuffix)
	all := maps.Clone(good)
	all[names[2]], all[names[3]] = all[names[3]], all[names[2]]
	refused(t, all, ErrCorrupt)
	all = maps.Clone(good)
	all[segmentName(1000)] = all[names[len(names)-1]]
	refused(t, all, ErrCorrupt)
}

// A member whose newest vote is missing may vote again: without it the log is damaged, however whole it looks.
func TestLostVoteIsDamage(t *testing.T) {
	for name, vote := range map[string]hardState{"new term": {term: 2, vote: 3}, "same term": {term: 1, vote: 3}} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			l := mustOpen(t, fs, Options{})
			require.NoError(t, l.Append(hardStateOf(1, 0, 0), entries(1, 1, 3, "x"), true))
			segment, size := segmentName(l.w.seg.seq), l.w.seg.size
			require.NoError(t, l.Append(hardStateOf(vote.term, vote.vote, 0), nil, true))
			require.NoError(t, l.Close())
			all := contentOf(t, fs, "log")
			all[segment] = all[segment][:size]
			refused(t, all, ErrCorrupt)
		})
	}
}

func TestDamagedWatermark(t *testing.T) {
	good := filled(t)
	spoil := func(offsets ...int) map[string]string {
		all := maps.Clone(good)
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
	with := segmented(t)
	with["notes.txt"] = "mine"
	refused(t, with, ErrForeign)
}

// The log was a Pebble store with a watermark beside it, before it had segments.
func TestFormerFormatIsForeign(t *testing.T) {
	fs := vfs.NewMem()
	db, err := pebble.Open("log", &pebble.Options{FS: fs, Logger: quiet{}})
	require.NoError(t, err)
	require.NoError(t, db.Set([]byte{0x01}, append([]byte(formatName), 1), pebble.Sync))
	require.NoError(t, db.Close())
	require.NoError(t, createWatermark(fs, "log"))
	refused(t, contentOf(t, fs, "log"), ErrForeign)
}

// What a later version of the format has is neither read nor taken for damage.
func TestLaterFormatIsRefused(t *testing.T) {
	all := segmented(t)
	name := sortedNames(all, segmentSuffix)[0]
	b := []byte(all[name])
	payload, _, ok := takeFrame(b, 0)
	require.True(t, ok)
	payload[1+len(formatName)]++
	putFrame(b[:frameSize+len(payload)], 0)
	all[name] = string(b)
	fs := restore(t, all)
	_, err := Open("log", Options{FS: fs})
	require.ErrorContains(t, err, "version 3")
	require.NotErrorIs(t, err, ErrCorrupt)
	require.Equal(t, all, contentOf(t, fs, "log"))
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
