package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ended runs a shell script as a member until it ends.
func ended(t *testing.T, script string) *member {
	dir := t.TempDir()
	binary := filepath.Join(dir, "etcd")
	require.NoError(t, os.WriteFile(binary, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	m := layout(dir, 1)[0]
	died := make(chan *member, 1)
	require.NoError(t, m.start(binary, "", died))
	return <-died
}

// TestObituary shows the log's last line for a member that ended by itself, and not for one that was killed.
func TestObituary(t *testing.T) {
	failed := ended(t, "echo old; echo the port is taken; exit 1")
	require.ErrorContains(t, failed.obituary(), "member1 ended: exit status 1; the last line of ")
	require.ErrorContains(t, failed.obituary(), ": the port is taken")
	killed := ended(t, "echo old; kill -9 $$")
	require.EqualError(t, killed.obituary(), "member1 ended: signal: killed")
	require.Contains(t, killed.command(), "etcd --name member1 --data-dir "+killed.dataDir)
}
