package robustness

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// soaked are an hour's samples of one member, with noise and now and then an outlier.
func soaked(leak float64) []Sample {
	rng := rand.New(rand.NewPCG(1, 1))
	var all []Sample
	for i := range 360 {
		s := Sample{At: time.Duration(i) * 10 * time.Second, Resident: 200 << 20, Files: 60, Goroutines: 150}
		s.Resident += float64(i)*leak + float64(rng.IntN(20<<20))
		if i < 60 {
			s.Resident /= 2 // while it warms up
		}
		if i%50 == 49 {
			s.Resident *= 3
		}
		all = append(all, s)
	}
	return all
}

func TestCheckFlat(t *testing.T) {
	require.NoError(t, checkFlat(soaked(0), 1))
	require.ErrorIs(t, checkFlat(soaked(200<<10), 1), ErrGrowth, "35 MiB in the second half")
	leaking := soaked(0)
	for i := range leaking {
		leaking[i].Files += float64(i / 20)
	}
	require.ErrorContains(t, checkFlat(leaking, 1), "open files, 73.0  in the middle, grew by")
	require.ErrorIs(t, checkFlat(nil, 1), ErrGrowth)
}

func TestPlotNeedsNothingElse(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, writePlot(&page, "a <soak>", soaked(0), 1))
	require.Contains(t, page.String(), "a &lt;soak&gt;")
	require.NotContains(t, page.String(), "http")
	require.Equal(t, 3, bytes.Count(page.Bytes(), []byte("<polyline")))
}
