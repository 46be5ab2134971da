package report

import "fmt"

// Goal is what a row asks of one figure: of its ratio to the base's or, when Own, of the target's own number.
type Goal struct {
	Figure Figure  `json:"figure"`
	Least  float64 `json:"at_least,omitempty"` // one of Least and Most is set
	Most   float64 `json:"at_most,omitempty"`
	Own    bool    `json:"own,omitempty"`
}

// Verdict is what came of a goal.
type Verdict string

// The verdicts.
const (
	Met        Verdict = "met"
	Short      Verdict = "short"
	Unmeasured Verdict = "not measured"
)

// String writes the goal as a table shows it.
func (g Goal) String() string {
	sign, bound := "≤ ", g.Most
	if g.Least > 0 {
		sign, bound = "≥ ", g.Least
	}
	if g.Own {
		return sign + g.Figure.print(bound)
	}
	return fmt.Sprintf("%s%gx", sign, bound)
}

// judged is the number that the goal is about: the first target's own, or its ratio to the second's.
func (r *Row) judged(g Goal, targets []string) (float64, bool) {
	switch {
	case g.Own && len(targets) > 0:
		return r.median(targets[0], g.Figure.of)
	case !g.Own && len(targets) > 1:
		return r.ratio(targets[0], targets[1], g.Figure.of)
	default:
		return 0, false
	}
}

// Judge says what came of a goal.
func (r *Row) Judge(g Goal, targets []string) Verdict {
	v, ok := r.judged(g, targets)
	switch {
	case !ok:
		return Unmeasured
	case r.Failed(targets[0]) > 0, g.Least > 0 && v < g.Least, g.Most > 0 && v > g.Most:
		return Short
	default:
		return Met
	}
}
