package robustness

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// trend is a robust line through some points.
type trend struct {
	growth float64 // from the first point to the last
	median float64
}

// theilSen takes the median of the slopes between all pairs of points, which a few outliers, such as a compaction's memory,
// do not move.
func theilSen(at, value []float64) trend {
	if len(at) < 2 {
		return trend{}
	}
	var slopes []float64
	for i := range at {
		for j := range i {
			if at[i] > at[j] {
				slopes = append(slopes, (value[i]-value[j])/(at[i]-at[j]))
			}
		}
	}
	return trend{growth: median(slopes) * (at[len(at)-1] - at[0]), median: median(value)}
}

// median is that of a copy.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// checkFlat finds what grows over the second half of the samples: by then what a member keeps should be full.
func checkFlat(samples []Sample, members int) error {
	if len(samples) == 0 {
		return fmt.Errorf("%w: no samples", ErrGrowth)
	}
	half := samples[len(samples)-1].At / 2
	var errs []error
	for member := range members {
		for _, q := range quantities() {
			t := theilSen(column(samples, member, half, q))
			if t.growth > max(q.share*t.median, q.noise) {
				errs = append(errs, fmt.Errorf("%w: member %d: %s, %.1f %s in the middle, grew by %.1f over the second half",
					ErrGrowth, member, q.name, t.median/q.scale, q.unit, t.growth/q.scale))
			}
		}
	}
	return errors.Join(errs...)
}

// column takes one member's points of a quantity.
func column(samples []Sample, member int, from time.Duration, q quantity) (at, value []float64) {
	for _, s := range samples {
		if s.Member == member && s.At >= from {
			at, value = append(at, s.At.Seconds()), append(value, q.of(s))
		}
	}
	return at, value
}

// percentile is the value below which that share of all lies.
func percentile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(share*float64(len(sorted)-1))]
}
