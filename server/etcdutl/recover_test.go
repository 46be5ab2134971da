package etcdutl

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRecoverRefusesADirectoryGivenTwice at once: the second one's lock would be waited for, without end.
func TestRecoverRefusesADirectoryGivenTwice(t *testing.T) {
	dir := t.TempDir()
	begun := time.Now()
	_, stderr, code := inProcess(t, dir, []string{"recover", "--timeout=1m", dir, "."})
	require.Equal(t, exitBadArgs, code)
	require.Contains(t, stderr, dir+" and . are the same directory")
	require.Less(t, time.Since(begun), 30*time.Second)
}
