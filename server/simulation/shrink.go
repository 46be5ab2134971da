package simulation

import (
	"fmt"
	"strings"
)

// Shrink leaves out of a plan that fails what it fails without, in at most so many runs. It returns the smallest plan found and its
// error.
func Shrink(p Plan, run func(Plan) error, runsMax int) (Plan, error) {
	s := shrinking{run: run, left: runsMax, best: p}
	for before := -1; before != s.size() && s.left > 0; {
		before = s.size()
		halve(&s, len(s.best.Faults), func(p *Plan, from, to int) { p.Faults = without(p.Faults, from, to) })
		halve(&s, len(s.best.Demands), func(p *Plan, from, to int) { p.Demands = without(p.Demands, from, to) })
	}
	if s.err == nil {
		s.err = run(p)
	}
	return s.best, s.err
}

// shrinking is a search for a smaller plan.
type shrinking struct {
	run  func(Plan) error
	left int
	best Plan
	err  error // of best
}

func (s *shrinking) size() int { return len(s.best.Faults) + len(s.best.Demands) }

// halve tries to leave out runs of n elements, long ones first.
func halve(s *shrinking, n int, remove func(p *Plan, from, to int)) {
	for length := max(1, n/2); ; length /= 2 {
		for from := n - length; from >= 0 && s.left > 0; from -= length {
			p := s.best
			remove(&p, from, from+length)
			s.left--
			if err := s.run(p); err != nil {
				s.best, s.err = p, err
				n -= length
				from = min(from, n)
			}
		}
		if length <= 1 {
			return
		}
	}
}

// without is a slice without some of its elements.
func without[T any](all []T, from, to int) []T {
	to = min(to, len(all))
	from = min(from, to)
	return append(append([]T(nil), all[:from]...), all[to:]...)
}

// String shows a plan, a line for each fault.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %+v, %d demands", p.Seed, p.Shape, len(p.Demands))
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\n  %v", f)
	}
	return b.String()
}
