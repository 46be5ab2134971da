package volume

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	testingclock "k8s.io/utils/clock/testing"
)

func TestWriterRefusesOtherPlaces(t *testing.T) {
	w := &writer{dir: t.TempDir(), clock: testingclock.NewFakePassiveClock(time.Now())}
	for _, path := range []string{"../x", "/x", "..data", "..x/y", ""} {
		require.Error(t, w.write(map[string]file{path: {}}), path)
	}
}

// A kubelet that was killed while it wrote leaves folders and a link behind.
func TestWriterAfterACrash(t *testing.T) {
	w := &writer{dir: t.TempDir(), clock: testingclock.NewFakePassiveClock(time.Now())}
	require.NoError(t, w.write(map[string]file{"a": {data: []byte("1"), mode: 0o644}}))
	require.NoError(t, os.Mkdir(filepath.Join(w.dir, "..2020_01_01_00_00_00.1"), 0o700))
	require.NoError(t, os.Symlink("..2020_01_01_00_00_00.1", filepath.Join(w.dir, newDataLink)))
	require.NoError(t, os.Remove(filepath.Join(w.dir, "a")), "the name was not made yet")
	require.NoError(t, w.write(map[string]file{"a": {data: []byte("1"), mode: 0o644}}))
	require.Equal(t, "1", read(t, w.dir, "a"))
	require.NoError(t, w.write(map[string]file{"a": {data: []byte("2"), mode: 0o644}}))
	require.Equal(t, "2", read(t, w.dir, "a"))
	require.NoDirExists(t, filepath.Join(w.dir, "..2020_01_01_00_00_00.1"))
}

// Who reads while files change sees all of the old or all of the new.
func TestChangesAreAtomic(t *testing.T) {
	w := &writer{dir: t.TempDir(), clock: testingclock.NewFakePassiveClock(time.Now())}
	content := func(i int) map[string]file {
		text := fmt.Appendf(nil, "%d", i)
		return map[string]file{"a": {data: text, mode: 0o644}, "b": {data: text, mode: 0o644}}
	}
	require.NoError(t, w.write(content(0)))
	ctx, cancel := context.WithCancel(t.Context())
	wrote := make(chan error, 1)
	go func() {
		defer cancel()
		for i := range 200 {
			if err := w.write(content(i)); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- nil
	}()
	for ctx.Err() == nil {
		root, err := os.OpenRoot(filepath.Join(w.dir, dataLink)) // one folder for both
		if err != nil {
			continue // it was the one before the last by the time it was opened
		}
		a, errA := root.ReadFile("a")
		b, errB := root.ReadFile("b")
		root.Close()
		if errA == nil && errB == nil {
			require.Equal(t, string(a), string(b))
		}
	}
	require.NoError(t, <-wrote)
}
