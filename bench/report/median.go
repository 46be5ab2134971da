package report

import "slices"

// figure reads one number of a run; false when it was not measured.
type figure func(Run) (float64, bool)

// measured makes a figure of a field where zero means absent.
func measured(get func(Run) float64) figure {
	return func(r Run) (float64, bool) {
		v := get(r)
		return v, v != 0
	}
}

// median of the values; false when there are none. Of an even number it is the mean of the middle two.
func median(values []float64) (float64, bool) {
	if len(values) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid], true
	}
	return (sorted[mid-1] + sorted[mid]) / 2, true
}

// median of a figure over a target's runs.
func (c *Case) median(target string, f figure) (float64, bool) {
	var values []float64
	for _, r := range c.Runs {
		if v, ok := f(r); ok && r.Target == target {
			values = append(values, v)
		}
	}
	return median(values)
}

// ratio is the median over pairs of target's figure over base's of the same pair.
func (c *Case) ratio(target, base string, f figure) (float64, bool) {
	of := func(name string) map[int]float64 {
		byPair := make(map[int]float64)
		for _, r := range c.Runs {
			if v, ok := f(r); ok && r.Target == name {
				byPair[r.Pair] = v
			}
		}
		return byPair
	}
	bases := of(base)
	var ratios []float64
	for pair, v := range of(target) {
		if b := bases[pair]; b != 0 {
			ratios = append(ratios, v/b)
		}
	}
	return median(ratios)
}
