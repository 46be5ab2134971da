package report

import (
	"cmp"
	"slices"
)

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

// reading takes one number of a run; false when it was not measured.
type reading func(*Run) (float64, bool)

// of reads the figure.
func (f Figure) of(r *Run) (float64, bool) {
	v, ok := r.Figures[f]
	return v, ok
}

// median of a reading over a target's runs; false when it was never measured.
func (r *Row) median(target string, read reading) (float64, bool) {
	var values []float64
	for i := range r.Runs {
		if v, ok := read(&r.Runs[i]); ok && r.Runs[i].Target == target {
			values = append(values, v)
		}
	}
	return median(values)
}

// ratio is the median over pairs of target's reading over base's of the same pair.
func (r *Row) ratio(target, base string, read reading) (float64, bool) {
	of := func(name string) map[int]float64 {
		byPair := make(map[int]float64)
		for i := range r.Runs {
			if v, ok := read(&r.Runs[i]); ok && r.Runs[i].Target == name {
				byPair[r.Runs[i].Pair] = v
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

// middle is the target's run whose operations per second, or else whose median latency, are the median
// ones: the run whose curves are shown.
func (r *Row) middle(target string) *Run {
	var runs []*Run
	for i := range r.Runs {
		if r.Runs[i].Target == target {
			runs = append(runs, &r.Runs[i])
		}
	}
	if len(runs) == 0 {
		return nil
	}
	by := PerSecond
	if _, ok := runs[0].Figures[by]; !ok {
		by = P50
	}
	slices.SortStableFunc(runs, func(a, b *Run) int { return cmp.Compare(a.Figures[by], b.Figures[by]) })
	return runs[len(runs)/2]
}

// Failed is how many of a target's operations failed in all of its runs.
func (r *Row) Failed(target string) int64 {
	var n int64
	for _, run := range r.Runs {
		if run.Target == target {
			for _, count := range run.Errors {
				n += count
			}
		}
	}
	return n
}
