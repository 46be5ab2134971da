package replica

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// survivor is a member that ran and stopped, in memory.
func survivor(t *testing.T) (fs *vfs.MemFS, puts int) {
	t.Helper()
	fs = vfs.NewMem()
	r, err := Open(t.Context(), Config{Member: memberConfig("/data"), FS: fs})
	require.NoError(t, err)
	stop := start(t, r)
	for puts = range 10 {
		_, err := r.Propose(t.Context(), putRequest("k", 10))
		require.NoError(t, err)
	}
	stop()
	require.NoError(t, r.Close())
	return fs, puts + 1
}

func TestSurvivorIsReadAndLeftAsItWas(t *testing.T) {
	fs, puts := survivor(t)
	var last uint64
	for range 2 { // opening changes nothing of what it holds
		s, err := OpenSurvivor(SurvivorConfig{FS: fs, DataDir: "/data"})
		require.NoError(t, err)
		require.Len(t, s.Members, 1)
		require.Equal(t, s.Members[0].ID, s.MemberID)
		require.GreaterOrEqual(t, s.LastIndex, uint64(puts))
		require.NotZero(t, s.LastTerm)
		if last != 0 {
			require.Equal(t, last, s.LastIndex)
		}
		last = s.LastIndex
		require.NoError(t, s.Close())
	}
}

func TestSurvivorThatIsNoneIsRefused(t *testing.T) {
	_, err := OpenSurvivor(SurvivorConfig{FS: vfs.NewMem(), DataDir: "/data"})
	require.ErrorContains(t, err, "no member's data directory")

	empty := vfs.NewMem()
	require.NoError(t, empty.MkdirAll("/data/member", 0o700))
	_, err = OpenSurvivor(SurvivorConfig{FS: empty, DataDir: "/data"})
	require.ErrorIs(t, err, ErrNothingThere)
	require.ErrorContains(t, err, "--wal-dir")
	names, err := empty.List("/data/member")
	require.NoError(t, err)
	require.Empty(t, names, "nothing is made in it")

	damaged, _ := survivor(t)
	require.NoError(t, damaged.Remove("/data/member/log/WATERMARK"))
	_, err = OpenSurvivor(SurvivorConfig{FS: damaged, DataDir: "/data"})
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestSurvivorsAreOrderedAsAnElectionOrdersThem(t *testing.T) {
	of := func(term, index, commit uint64) *Survivor {
		return &Survivor{LastTerm: term, LastIndex: index, CommitIndex: commit}
	}
	require.Positive(t, of(3, 5, 5).Compare(of(2, 9, 9)), "a newer term beats a longer log")
	require.Positive(t, of(2, 9, 5).Compare(of(2, 8, 8)), "a longer log beats a higher commit index")
	require.Positive(t, of(2, 9, 9).Compare(of(2, 9, 8)))
	require.Zero(t, of(2, 9, 9).Compare(of(2, 9, 9)))
}
