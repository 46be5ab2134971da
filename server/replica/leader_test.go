package replica

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALeaderLeaseEndsByEitherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const within = time.Second
		var l leaderLease
		require.False(t, l.fresh(0, within))
		l.confirm(5, time.Now())
		time.Sleep(within - time.Nanosecond)
		require.True(t, l.fresh(5, within))
		require.False(t, l.fresh(6, within), "another term's")
		time.Sleep(time.Nanosecond)
		require.False(t, l.fresh(5, within))

		l.confirm(5, time.Now())
		l.wall = l.wall.Add(-within)
		require.False(t, l.fresh(5, within), "suspended for as long")
		l.confirm(5, time.Now().Add(time.Nanosecond))
		l.wall = l.wall.Add(time.Hour)
		require.False(t, l.fresh(5, within), "the wall clock was set back")

		l.confirm(6, time.Now())
		l.confirm(6, time.Now().Add(-within))
		require.True(t, l.fresh(6, within), "an older answer takes nothing away")
	})
}
