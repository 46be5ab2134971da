package measure

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPercentilesMatchSortedValues compares with the exact percentiles of the same numbers.
func TestPercentilesMatchSortedValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	exact := make([]time.Duration, 20_000)
	for i := range exact {
		exact[i] = time.Duration(rng.ExpFloat64() * float64(3*time.Millisecond))
	}
	l := NewLatencies()
	var wg sync.WaitGroup
	for part := range slices.Chunk(exact, 1_000) {
		wg.Go(func() {
			r := l.Recorder()
			for _, d := range part {
				r.Record(d)
			}
		})
	}
	wg.Wait()
	got := l.Percentiles()
	slices.Sort(exact)
	at := func(q float64) float64 { return float64(exact[int(q*float64(len(exact)))-1]) }
	require.EqualValues(t, len(exact), got.Count)
	require.InEpsilon(t, at(.50), float64(got.P50), .003)
	require.InEpsilon(t, at(.90), float64(got.P90), .003)
	require.InEpsilon(t, at(.99), float64(got.P99), .003)
	require.InEpsilon(t, at(.999), float64(got.P999), .003)
	require.InEpsilon(t, at(1), float64(got.Max), .003)
}

// TestLatenciesOutOfRangeAreKept holds invariant I1.
func TestLatenciesOutOfRangeAreKept(t *testing.T) {
	l := NewLatencies()
	r := l.Recorder()
	r.Record(-time.Second)
	r.Record(LatencyMax * 3)
	got := l.Percentiles()
	require.EqualValues(t, 2, got.Count)
	require.InEpsilon(t, float64(LatencyMax), float64(got.Max), .002)
}
