package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// run runs the command with arguments and returns what it printed.
func run(t *testing.T, ctx context.Context, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := command()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func TestBuildAndList(t *testing.T) {
	bin, layout := t.TempDir(), filepath.Join(t.TempDir(), "layout")
	self, err := os.Executable() // a program, whatever it does
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "pause")))
	built, err := run(t, t.Context(), "build", "pause", "--bin", bin, "--out", layout, "--tag", "t1")
	require.NoError(t, err)
	require.Contains(t, built, "petcd.local/pause:t1")
	listed, err := run(t, t.Context(), "list", "--layout", layout)
	require.NoError(t, err)
	require.Equal(t, built, listed)
	_, err = run(t, t.Context(), "build", "other", "--bin", bin, "--out", layout)
	require.ErrorContains(t, err, "no image")
	_, err = run(t, t.Context(), "list", "--layout", bin)
	require.Error(t, err)
}

func TestServeNeedsALayout(t *testing.T) {
	layout := t.TempDir()
	_, err := run(t, t.Context(), "serve", "--layout", layout, "--listen", "127.0.0.1:0")
	require.ErrorContains(t, err, layout, "there is nothing to serve")
}
