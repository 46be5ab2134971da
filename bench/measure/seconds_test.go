package measure

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSecondsTellWhenItWasSlow: a second without operations is there, and empty.
func TestSecondsTellWhenItWasSlow(t *testing.T) {
	l := NewLatencies()
	for range 100 { // over all shards
		l.Recorder().RecordAt(300*time.Millisecond, time.Millisecond)
		l.Recorder().RecordAt(2500*time.Millisecond, 40*time.Millisecond)
	}
	l.Recorder().RecordAt(-time.Second, 9*time.Millisecond)
	got := l.Seconds()
	require.Len(t, got, 3)
	require.EqualValues(t, 101, got[0].Count)
	require.InEpsilon(t, float64(time.Millisecond), float64(got[0].P50), .07)
	require.InEpsilon(t, float64(9*time.Millisecond), float64(got[0].Max), .07)
	require.Zero(t, got[1])
	require.EqualValues(t, 100, got[2].Count)
	require.InEpsilon(t, float64(40*time.Millisecond), float64(got[2].P99), .07)
	require.EqualValues(t, 201, l.Percentiles().Count)
}

// TestCurveRises has a point for each percentile, the last of them the largest value.
func TestCurveRises(t *testing.T) {
	require.Nil(t, NewLatencies().Percentiles().Curve)
	l := NewLatencies()
	for i := range 1000 {
		l.Recorder().Record(time.Duration(i+1) * time.Millisecond)
	}
	p := l.Percentiles()
	require.Len(t, p.Curve, len(CurveAt()))
	require.IsNonDecreasing(t, p.Curve)
	require.Equal(t, p.Max, p.Curve[len(p.Curve)-1])
	require.Equal(t, p.P99, p.Curve[7])
	require.InDelta(t, 99, CurveAt()[7], 0)
}
