package log

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
)

// TestUnsafeNoSync: an append that asks for a sync reaches the files without one, so a crash of the machine loses it and
// one of the process doesn't.
func TestUnsafeNoSync(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l, err := Open("log", Options{FS: fs, UnsafeNoSync: true})
	require.NoError(t, err)
	hs := &raftpb.HardState{Term: new(uint64(1)), Commit: new(uint64(0))}
	require.NoError(t, l.Append(hs, []*raftpb.Entry{{Index: new(uint64(1)), Term: new(uint64(1)), Data: []byte("a")}}, true))

	machine := fs.CrashClone(vfs.CrashCloneCfg{})
	names, err := machine.List("")
	require.NoError(t, err)
	require.Empty(t, names, "nothing was synced")

	require.NoError(t, l.Close())
	l, err = Open("log", Options{FS: fs})
	require.NoError(t, err)
	last, err := l.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 1, last)
	require.NoError(t, l.Close())
}
