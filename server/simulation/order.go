package simulation

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/petcd/petcd/server/robustness"
)

// The order of operations need not be searched for: an answer carries the revision of the state that it is from, so it tells its
// operation's place. Two things remain to be seen: that each answer is right there, and that no operation's place is before that of
// one which was answered before it was asked for. That is strict serializability, of all keys together.

// versions are what a key was, oldest first.
type versions []robustness.Event

// at is the key as of a revision; false when it does not exist.
func (vs versions) at(revision int64) (robustness.Event, bool) {
	i, found := slices.BinarySearchFunc(vs, revision, func(e robustness.Event, r int64) int { return cmp.Compare(e.Revision, r) })
	if found {
		i++
	}
	if i == 0 {
		return robustness.Event{}, false
	}
	return vs[i-1], !vs[i-1].Delete
}

// byKey are all keys' versions.
func byKey(events []robustness.Event) map[string]versions {
	keys := map[string]versions{}
	for _, e := range events {
		keys[e.Key] = append(keys[e.Key], e)
	}
	return keys
}

// checkAnswers checks that each answer is what the history says at its revision. (That writes are there is checked with the history.)
func checkAnswers(keys map[string]versions, ops []robustness.Operation) error {
	var errs []error
	for _, o := range ops {
		if o.Known && !right(keys[o.Key], o) && len(errs) < 5 {
			e, _ := keys[o.Key].at(o.Answer.Revision)
			errs = append(errs, fmt.Errorf("%w: %v; the key's newest change by then is %+v", robustness.ErrLinearizability, o, e))
		}
	}
	return errors.Join(errs...)
}

// right tells whether an answer is.
func right(vs versions, o robustness.Operation) bool {
	a := o.Answer
	if changes(o) {
		before, existed := vs.at(a.Revision - 1)
		return o.Kind == robustness.Put || o.Kind == robustness.Delete && existed || o.Kind == robustness.Swap && expected(o, before, existed)
	}
	now, exists := vs.at(a.Revision)
	switch {
	case o.Kind == robustness.Delete:
		return !exists
	case o.Kind == robustness.Swap && expected(o, now, exists):
		return false
	case o.Kind == robustness.Swap && a.ModRevision == untold:
		return a.Found == exists
	}
	return a.Found == exists && (!exists || a.Value == now.Value && a.ModRevision == now.Revision)
}

// changes tells that an operation that was answered changed its key.
func changes(o robustness.Operation) bool {
	return o.Kind == robustness.Put || o.Kind != robustness.Get && o.Answer.Done
}

// expected is Swap's condition.
func expected(o robustness.Operation, e robustness.Event, exists bool) bool {
	if o.Expect == "" {
		return !exists
	}
	return exists && e.Value == o.Expect
}

// checkOrder checks that what was answered before an operation was asked for also comes before it.
func checkOrder(events []robustness.Event, ops []robustness.Operation) error {
	written := map[string]int64{}
	for _, e := range events {
		if !e.Delete {
			written[e.Key+"="+e.Value] = e.Revision
		}
	}
	var asked, answered []robustness.Operation
	for _, o := range ops {
		if !o.Known { // it happened if it can be seen, at any time after it was asked for
			if o.Answer.Revision = written[o.Key+"="+o.Value]; o.Answer.Revision == 0 || o.Kind == robustness.Delete || o.Kind == robustness.Get {
				continue
			}
			o.Return, o.Answer.Done = math.MaxInt64, true
		}
		asked, answered = append(asked, o), append(answered, o)
	}
	slices.SortStableFunc(asked, func(a, b robustness.Operation) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(answered, func(a, b robustness.Operation) int { return cmp.Compare(a.Return, b.Return) })
	var newest robustness.Operation // of those answered so far
	for _, o := range asked {
		for len(answered) > 0 && answered[0].Return < o.Call {
			if answered[0].Answer.Revision >= newest.Answer.Revision {
				newest = answered[0]
			}
			answered = answered[1:]
		}
		if at := o.Answer.Revision; at < newest.Answer.Revision || changes(o) && at == newest.Answer.Revision {
			return fmt.Errorf("%w: %v\n  comes before %v", robustness.ErrLinearizability, o, newest)
		}
	}
	return nil
}
