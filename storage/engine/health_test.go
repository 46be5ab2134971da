package engine

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// A closed engine leaves nothing running that would keep it in memory.
func TestCloseEndsTheWatch(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d, err := Create("engine", Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	require.NoError(t, d.Close())
}

// norenameFS cannot rename, and so makes no engine.
type norenameFS struct{ vfs.FS }

// Rename implements vfs.FS.
func (norenameFS) Rename(string, string) error { return errors.New("input/output error") }

// Nor does one that could not be opened, but for what Pebble itself forgets then.
func TestFailedOpenEndsTheWatch(t *testing.T) {
	_, err := Create("engine", Options{FS: norenameFS{vfs.NewMem()}, FlushInterval: -1})
	require.ErrorContains(t, err, "input/output error")
	stacks := make([]byte, 1<<20)
	require.Eventually(t, func() bool {
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*diskHealthCheckingFS)")
	}, 10*time.Second, time.Millisecond)
}
