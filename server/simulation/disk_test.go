package simulation

import (
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// write makes a file, synced or not, in a folder that is.
func write(t *testing.T, d *disk, name, content string, sync bool) {
	t.Helper()
	f, err := d.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	require.NoError(t, err)
	if sync {
		require.NoError(t, f.Sync())
	}
}

func syncFolder(t *testing.T, d *disk, name string) {
	t.Helper()
	f, err := d.OpenDir(name)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
}

func read(t *testing.T, d *disk, name string) string {
	t.Helper()
	f, err := d.Open(name)
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(b)
}

// Of what was not synced every part may be there or not, and all of what was is.
func TestACrashLosesWhatWasNotSynced(t *testing.T) {
	d := newDisk(rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, d.MkdirAll("a", 0o700))
	syncFolder(t, d, "")
	write(t, d, "a/kept", "old", true)
	syncFolder(t, d, "a")
	write(t, d, "a/kept", "new", false)
	write(t, d, "a/unnamed", "content", true)
	kept, unnamed := map[string]int{}, 0
	for seed := range uint64(200) {
		after := d.afterCrash(rand.New(rand.NewPCG(seed, 2)))
		kept[read(t, after, "a/kept")]++
		if _, err := after.Stat("a/unnamed"); err == nil {
			unnamed++
			require.Equal(t, "content", read(t, after, "a/unnamed"), "it was synced, only its name was not")
		}
	}
	require.Len(t, kept, 2)
	require.NotZero(t, kept["old"])
	require.NotZero(t, kept["new"])
	require.NotZero(t, unnamed)
	require.Less(t, unnamed, 200)
}

// A file that is renamed over another is the old one or the new one, whole.
func TestARenameIsAllOrNothing(t *testing.T) {
	d := newDisk(rand.New(rand.NewPCG(1, 1)))
	write(t, d, "name", "old", true)
	syncFolder(t, d, "")
	write(t, d, "temp", "new", true)
	require.NoError(t, d.Rename("temp", "name"))
	for seed := range uint64(50) {
		require.Contains(t, []string{"old", "new"}, read(t, d.afterCrash(rand.New(rand.NewPCG(seed, 2))), "name"))
	}
	syncFolder(t, d, "")
	require.Equal(t, "new", read(t, d.afterCrash(rand.New(rand.NewPCG(1, 2))), "name"))
}

// One seed tears a disk in one way.
func TestOneSeedTearsOneWay(t *testing.T) {
	d := newDisk(rand.New(rand.NewPCG(1, 1)))
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		write(t, d, name, string(make([]byte, 10*sectorBytes))+name, false)
	}
	for seed := range uint64(20) {
		first, second := d.afterCrash(rand.New(rand.NewPCG(seed, 2))), d.afterCrash(rand.New(rand.NewPCG(seed, 2)))
		require.Equal(t, first.root, second.root)
	}
}

func TestADiskFailsWhenItIsTold(t *testing.T) {
	d := newDisk(rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, d.MkdirAll("data/log", 0o700))
	write(t, d, "data/log/segment", "content", true)
	f, err := d.Open("data/log/segment")
	require.NoError(t, err)
	d.fail(1, false)
	require.ErrorIs(t, f.Sync(), syscall.EIO)
	require.NoError(t, f.Sync())
	d.fail(0, true)
	_, err = f.Write([]byte("more"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.True(t, errors.Is(err, errInjected))
	lost := false
	d.fail(0, false)
	d.crashIn(2, func() { lost = true })
	require.NoError(t, f.Sync())
	require.False(t, lost)
	require.NoError(t, f.Sync())
	require.True(t, lost)
	require.NotNil(t, d.faults.image)
}
