package log

import (
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
