package robustness

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// never is the return of an operation that was not answered: it may take effect at any time.
const never = time.Duration(math.MaxInt64)

// resolve finds out from the history what became of ambiguous operations. Without it the checker must
// try every subset of them at every place, which a few dozen make hopeless; with it the revisions
// leave one order. It is sound as values are written once (I2) and as the history is complete when the
// epoch is over: a write whose value is not in it was seen by nobody.
//
// A put or swap in the history happened, at its revision; one that is not did not happen. Deletes
// cannot be told apart, so each delete nobody was told of counts as one begun when the first ambiguous
// delete of its key was. Reads without answers say nothing and are left out.
func resolve(ops []Operation, events []Event) []Operation {
	written := make(map[string]int64) // by key and value
	unclaimed := make(map[at]bool)    // deletes nobody was told of
	for _, e := range events {
		if e.Delete {
			unclaimed[at{e.Revision, e.Key}] = true
		} else {
			written[valueID(e)] = e.Revision
		}
	}
	firstDelete := make(map[string]Operation) // ambiguous, by key
	var out []Operation
	for _, o := range ops {
		switch {
		case o.Known:
			if o.Kind == Delete && o.Answer.Done {
				delete(unclaimed, at{o.Answer.Revision, o.Key})
			}
			out = append(out, o)
		case o.Kind == Put || o.Kind == Swap:
			if revision, ok := written[o.Key+"="+o.Value]; ok {
				o.Known, o.Return, o.Answer = true, never, Answer{Done: true, Revision: revision}
				out = append(out, o)
			}
		case o.Kind == Delete:
			if first, ok := firstDelete[o.Key]; !ok || o.Call < first.Call {
				firstDelete[o.Key] = o
			}
		}
	}
	for place := range unclaimed {
		// Without an ambiguous delete the history invented this one, and CheckHistory says so.
		if o, ok := firstDelete[place.key]; ok {
			o.Known, o.Return, o.Answer = true, never, Answer{Done: true, Revision: place.revision}
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.Answer.Revision, b.Answer.Revision))
	})
	return out
}
