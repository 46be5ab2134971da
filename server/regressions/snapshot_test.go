package regressions

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
)

// A member of etcd that was sent a second snapshot while it was still at the first panicked: both wanted the same file. The
// promise: a member far behind catches up, however often the leader begins anew.
func TestEtcd18055(t *testing.T) {
	leader := newMember(t, vfs.NewMem(), storage.Options{})
	leader.put("a")
	first := leader.snapshot()
	leader.put("b")
	second := leader.snapshot()

	m := newMember(t, vfs.NewMem(), storage.Options{})
	early, err := m.store.StageSnapshot(bytes.NewReader(first))
	require.NoError(t, err)
	late, err := m.store.StageSnapshot(bytes.NewReader(second))
	require.NoError(t, err)
	require.NoError(t, m.store.InstallSnapshot(early))
	require.NoError(t, m.store.InstallSnapshot(late))
	m.load()
	require.Equal(t, leader.index, m.index)
	require.Equal(t, leader.hash(), m.hash())
	m.restart()
	require.Equal(t, leader.hash(), m.hash())
}
