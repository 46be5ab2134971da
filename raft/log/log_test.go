package log

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// entries makes n entries of one term from index first on.
func entries(first, term uint64, n int, data string) []*raftpb.Entry {
	es := make([]*raftpb.Entry, n)
	for i := range es {
		es[i] = &raftpb.Entry{Index: new(first + uint64(i)), Term: new(term), Type: raftpb.EntryNormal.Enum(), Data: []byte(data)}
	}
	return es
}

func hardStateOf(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: new(term), Vote: new(vote), Commit: new(commit)}
}

func mustOpen(t testing.TB, fs vfs.FS, o Options) *store {
	t.Helper()
	o.FS = fs
	l, err := Open("log", o)
	require.NoError(t, err)
	return l.(*store)
}

func TestLogKeepsWhatWasAppended(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, fs, Options{})
	require.NoError(t, l.Append(hardStateOf(1, 2, 0), entries(1, 1, 10, "a"), true))
	require.NoError(t, l.Append(hardStateOf(2, 3, 4), entries(6, 2, 2, "b"), true))
	require.NoError(t, l.SetMetadata([]byte("identity")))

	check := func(l Log) {
		last, err := l.LastIndex()
		require.NoError(t, err)
		require.EqualValues(t, 7, last)
		es, err := l.Entries(1, 8, 1<<20)
		require.NoError(t, err)
		require.Len(t, es, 7)
		require.Equal(t, "a", string(es[4].Data))
		require.Equal(t, "b", string(es[5].Data))
		require.EqualValues(t, 2, es[6].GetTerm())
		hs, _, err := l.InitialState()
		require.NoError(t, err)
		require.Equal(t, []uint64{2, 3, 4}, []uint64{hs.GetTerm(), hs.GetVote(), hs.GetCommit()})
		require.Equal(t, "identity", string(l.Metadata()))
		_, err = l.Entries(7, 9, 1)
		require.ErrorIs(t, err, etcdraft.ErrUnavailable)
	}
	check(l)
	require.NoError(t, l.Close())
	l = mustOpen(t, fs, Options{})
	check(l)
	require.NoError(t, l.Close())
}
