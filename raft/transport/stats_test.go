package transport

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAppendRateIsOfTheLastAppends(t *testing.T) {
	var c appendCounter
	at := time.Unix(100, 0)
	require.Zero(t, c.stats(at))
	for i := range 1000 {
		c.add(at.Add(time.Duration(i)*time.Millisecond), 1, 50)
	}
	last := at.Add(999 * time.Millisecond)
	s := c.stats(last)
	require.EqualValues(t, 1000, s.Count)
	// 200 samples of 50 bytes, the first 199 ms before the last.
	require.InDelta(t, 200/0.199, s.PerSecond, 1e-6)
	require.InDelta(t, 200*50/0.199, s.BytesPerSecond, 1e-6)

	require.Equal(t, AppendStats{Count: 1000}, c.stats(last.Add(rateSpan+1)), "after a pause there is no rate")
	c.add(last.Add(time.Minute), 3, 90)
	c.add(last.Add(time.Minute+time.Second), 1, 10)
	s = c.stats(last.Add(time.Minute + time.Second))
	require.InDelta(t, 4, s.PerSecond, 1e-6, "what was before the pause does not count")
	require.InDelta(t, 100, s.BytesPerSecond, 1e-6)
}

func TestFollowerLatency(t *testing.T) {
	var f followerLatency
	require.Equal(t, FollowerStats{Minimum: noLatency}, f.stats())
	f.succeeded(1, 2*time.Millisecond)
	f.succeeded(3, 6*time.Millisecond)
	f.failed()
	s := f.stats()
	require.Equal(t, []float64{6, 5, 2, 6}, []float64{s.Current, s.Average, s.Minimum, s.Maximum})
	require.InDelta(t, 1.7320508, s.StandardDeviation, 1e-6)
	require.Equal(t, []uint64{4, 1}, []uint64{s.Success, s.Fail})
}
