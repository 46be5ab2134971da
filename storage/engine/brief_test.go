package engine

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/schema"
)

// TestDamageIsToldInOneLine: Pebble's own text of a damaged table goes on with its stack.
func TestDamageIsToldInOneLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	var logged bytes.Buffer
	o := Options{FlushInterval: -1, Logger: slog.New(slog.NewJSONHandler(&logged, nil))}
	db, err := Create(dir, o)
	require.NoError(t, err)
	b := db.NewBatch()
	require.NoError(t, b.SetApplied(schema.Applied{Index: 1, Term: 1, Revision: 1}))
	require.NoError(t, b.Commit())
	require.NoError(t, db.Flush())
	require.NoError(t, db.Close())
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.Len(t, tables, 1)
	content, err := os.ReadFile(tables[0])
	require.NoError(t, err)
	copy(content, "spoiled")
	require.NoError(t, os.WriteFile(tables[0], content, 0o600))

	_, err = Open(dir, o, nil)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "checksum mismatch")
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, logged.String(), tables[0])
	require.NotContains(t, logged.String(), `\n`)
}
