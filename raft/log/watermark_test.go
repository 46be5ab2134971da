package log

import (
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// A mark that a hanging disk comes to late is not written once a lower one took its place: the log was cut short meanwhile, and
// would be taken for a damaged one.
func TestLateMarkIsDropped(t *testing.T) {
	fs := vfs.NewMem()
	require.NoError(t, createWatermark(fs, ""))
	w, err := openWatermark(fs, "", 1, mark{})
	require.NoError(t, err)
	late := mark{last: 9, term: 2, vote: 1}
	require.True(t, w.intend(late))
	require.False(t, w.intend(late), "once")
	require.NoError(t, w.lower(4))
	require.NoError(t, w.fulfill(late))
	require.NoError(t, w.close())
	_, m, exists, err := readWatermark(fs, "")
	require.NoError(t, err)
	require.True(t, exists)
	require.Equal(t, mark{last: 4, term: 2, vote: 1}, m)
}

// While the log is busy the watermark may be old, by a bound; it is not once the log rests, and never about a vote.
func TestWatermarkOfABusyLog(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, fs, Options{})
	told := func() mark {
		_, m, _, err := readWatermark(fs, "log")
		require.NoError(t, err)
		return m
	}
	require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(1, 1, 1, "x"), true))
	require.Equal(t, mark{last: 1, term: 1, vote: 1}, told())
	writes := 0
	for i := uint64(2); i <= 1000; i++ {
		before := told()
		require.NoError(t, l.Append(hardStateOf(1, 1, i-1), entries(i, 1, 1, "x"), true))
		after := told()
		require.LessOrEqual(t, i-after.last, uint64(skipsMax))
		if after != before {
			writes++
		}
	}
	require.Less(t, writes, 20)
	require.Less(t, told().last, uint64(1000))
	require.NoError(t, l.Append(hardStateOf(1, 1, 1000), nil, false), "the commit index that nothing followed")
	require.Equal(t, mark{last: 1000, term: 1, vote: 1}, told())
	require.NoError(t, l.Append(hardStateOf(1, 1, 1001), entries(1001, 1, 1, "x"), true))
	require.Equal(t, mark{last: 1001, term: 1, vote: 1}, told(), "nothing need follow what is committed already")

	require.NoError(t, l.Append(nil, entries(1002, 1, 1, "x"), true))
	require.Equal(t, uint64(1001), told().last)
	require.NoError(t, l.Append(hardStateOf(2, 3, 1001), nil, true))
	require.Equal(t, mark{last: 1002, term: 2, vote: 3}, told())
	require.NoError(t, l.Append(nil, entries(1003, 2, 1, "x"), true))
	require.NoError(t, l.Append(nil, entries(1002, 2, 1, "y"), true))
	require.Equal(t, mark{last: 1001, term: 2, vote: 3}, told(), "what replaces entries lowers it")
	require.NoError(t, l.Close())
}

// After a kill what the watermark tells of must be there. Damage behind it is taken for a write that was cut off.
func TestDamageAfterAKillUnderLoad(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, fs, Options{})
	const before, behind = 10, 20
	for i := uint64(1); i <= before; i++ {
		require.NoError(t, l.Append(hardStateOf(1, 1, i), entries(i, 1, 1, "before"), true))
	}
	for i := uint64(before + 1); i <= before+behind; i++ {
		require.NoError(t, l.Append(nil, entries(i, 1, 1, "behind"), true))
	}
	killed := contentOf(t, fs, "log")
	delete(killed, lockName)
	require.NoError(t, l.Close())
	spoil := func(text string) map[string]string {
		all := maps.Clone(killed)
		name := segmentName(1)
		all[name] = strings.Replace(all[name], text, strings.ToUpper(text), 1)
		require.NotEqual(t, killed[name], all[name])
		return all
	}
	refused(t, spoil("before"), ErrCorrupt)
	again, err := Open("log", Options{FS: restore(t, spoil("behind"))})
	require.NoError(t, err)
	last, err := again.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, before, last)
	require.NoError(t, again.Close())
}
