package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/engine"
)

// Whatever fails while an engine is opened, the one who opens it is told: Pebble's own way would be to end the process, or never to
// come back.
func TestOpenFailsWhereAnythingFails(t *testing.T) {
	errDisk := errors.New("input/output error")
	fatal := 0
	for at := 1; ; at++ {
		mem, n := vfs.NewMem(), 0
		created, err := engine.Create("db", engine.Options{FS: mem, FlushInterval: -1})
		require.NoError(t, err)
		require.NoError(t, created.Close())
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			writes := op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync
			if !writes || !strings.Contains(op.Path, "MANIFEST") && !strings.Contains(op.Path, "marker") {
				return nil
			}
			if n++; n == at {
				return errDisk
			}
			return nil
		}))
		db, err := engine.Create("db", engine.Options{FS: fs, FlushInterval: -1, Fatal: func(error) {}})
		if err == nil {
			require.NoError(t, db.Close())
			require.Less(t, n, at)
			break
		}
		if errors.Is(err, engine.ErrFatal) {
			fatal++
		} else {
			require.ErrorIs(t, err, errDisk)
		}
	}
	require.Positive(t, fatal)
}
