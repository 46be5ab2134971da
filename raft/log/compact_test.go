package log

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// holdsFrom verifies what a log of 40 entries, compacted, holds.
func holdsFrom(t *testing.T, l *store, first uint64) {
	t.Helper()
	got, err := l.FirstIndex()
	require.NoError(t, err)
	require.Equal(t, first, got)
	last, err := l.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 40, last)
	for next := first; next <= last; next++ {
		es, err := l.Entries(next, next+1, 0)
		require.NoError(t, err)
		require.Equal(t, dataOf(next), string(es[0].GetData()))
	}
	term, err := l.Term(first - 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, term)
	_, err = l.Entries(first-1, last+1, 1<<20)
	require.ErrorIs(t, err, etcdraft.ErrCompacted)
	hs, _, err := l.InitialState()
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 1, 39}, []uint64{hs.GetTerm(), hs.GetVote(), hs.GetCommit()})
	require.Equal(t, "identity", string(l.Metadata()))
}

func TestCompactRemovesSegments(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := segmentedLog(t, fs, "log")
	require.Greater(t, len(l.segments), 5)
	oldest := l.positions[0].seg
	for index := uint64(1); index <= 39; index++ {
		require.NoError(t, l.Compact(index))
		names := sortedNames(contentOf(t, fs, "log"), segmentSuffix)
		at := l.positions.spans(index+1, index+2)[0]
		require.Equal(t, segmentName(at.seg.seq), names[0], "the oldest segment has the oldest entry")
		if at.seg != oldest { // a crash may bring back what was removed
			oldest = at.seg
			crashed := mustOpen(t, fs.CrashClone(vfs.CrashCloneCfg{}), onDisk)
			holdsFrom(t, crashed, index+1)
			require.NoError(t, crashed.Close())
		}
		holdsFrom(t, l, index+1)
	}
	require.NoError(t, l.Compact(20), "it is compacted further")
	require.Error(t, l.Compact(41))
	require.NoError(t, l.Close())
	l = mustOpen(t, fs, onDisk)
	holdsFrom(t, l, 40)
	require.NoError(t, l.Close())
}

// Segments that could not be removed are in nobody's way, and go with a later compaction.
func TestSegmentsThatAreNotRemoved(t *testing.T) {
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpRemove && strings.HasSuffix(op.Path, segmentSuffix) {
			return errDisk
		}
		return nil
	}))
	l := segmentedLog(t, fs, "log")
	before := sortedNames(contentOf(t, mem, "log"), segmentSuffix)
	require.NoError(t, l.Compact(20))
	require.Equal(t, before, sortedNames(contentOf(t, mem, "log"), segmentSuffix))
	holdsFrom(t, l, 21)
	require.NoError(t, l.Close())

	l = mustOpen(t, mem, onDisk)
	holdsFrom(t, l, 21)
	require.NoError(t, l.Compact(21))
	require.NotContains(t, sortedNames(contentOf(t, mem, "log"), segmentSuffix), before[0])
	holdsFrom(t, l, 22)
	require.NoError(t, l.Close())
}

// A snapshot's index may be below the log's last, at it, or beyond; what was there before is gone, on the disk, too.
func TestResetLeavesOneSegment(t *testing.T) {
	for _, index := range []uint64{7, 40, 1000} {
		fs := vfs.NewCrashableMem()
		l := segmentedLog(t, fs, "log")
		require.NoError(t, l.Reset(&raftpb.SnapshotMetadata{Index: new(index), Term: new(uint64(5))}, nil))
		require.Len(t, sortedNames(contentOf(t, fs, "log"), segmentSuffix), 1)
		require.NoError(t, l.Append(hardStateOf(6, 2, index), entries(index+1, 6, 3, "after"), true))
		crashed := mustOpen(t, fs.CrashClone(vfs.CrashCloneCfg{}), onDisk)
		require.NoError(t, l.Close())
		for _, l := range []*store{crashed, mustOpen(t, fs, onDisk)} {
			require.Equal(t, begin{index, 5}, l.begin)
			es, err := l.Entries(index+1, index+4, 1<<20)
			require.NoError(t, err)
			require.Len(t, es, 3)
			require.Equal(t, "after", string(es[0].GetData()))
			_, err = l.Term(index - 1)
			require.ErrorIs(t, err, etcdraft.ErrCompacted)
			require.Equal(t, "identity", string(l.Metadata()))
			require.NoError(t, l.Close())
		}
	}
}
