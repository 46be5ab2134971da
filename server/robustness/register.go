package robustness

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// register is one key as the model knows it.
type register struct {
	exists   bool
	value    string
	revision int64 // of the last change, deletes included
}

// step applies an operation; false when its answer is impossible in this state.
func (r register) step(o Operation) (bool, register) {
	a := o.Answer
	switch o.Kind {
	case Get:
		return r.agrees(a), r
	case Put:
		return a.Revision > r.revision, register{exists: true, value: o.Value, revision: a.Revision}
	case Delete:
		if a.Done != r.exists {
			return false, r
		}
		if !a.Done {
			return a.Revision >= r.revision, r
		}
		return a.Revision > r.revision, register{revision: a.Revision}
	case Swap:
		if a.Done != r.matches(o.Expect) {
			return false, r
		}
		if !a.Done {
			return r.agrees(a), r
		}
		return a.Revision > r.revision, register{exists: true, value: o.Value, revision: a.Revision}
	}
	return false, r
}

// matches is Swap's condition.
func (r register) matches(expect string) bool {
	if expect == "" {
		return !r.exists
	}
	return r.exists && r.value == expect
}

// agrees says whether a read of the register can answer so.
func (r register) agrees(a Answer) bool {
	if a.Found != r.exists || a.Revision < r.revision {
		return false
	}
	if a.ModRevision == untold {
		return a.Value == r.value || a.Value == ""
	}
	return !a.Found || a.Value == r.value && a.ModRevision == r.revision
}

// model is the register as porcupine takes it.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register{} },
		Step: func(state, input, _ any) (bool, any) {
			return state.(register).step(input.(Operation))
		},
		DescribeOperation: func(input, _ any) string { return input.(Operation).String() },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
}

// checkLinearizable looks for an order of each key's operations that explains all answers. Keys are
// independent registers, so they are checked one by one, within the budget for all of them. What
// became of ambiguous writes must have been resolved before.
func checkLinearizable(ops []Operation, budget time.Duration) error {
	deadline := time.Now().Add(budget)
	byKey := make(map[string][]porcupine.Operation)
	for _, o := range ops {
		byKey[o.Key] = append(byKey[o.Key], porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Call), Return: int64(o.Return)})
	}
	var errs []error
	for key, history := range byKey {
		switch porcupine.CheckOperationsTimeout(model(), history, max(time.Until(deadline), time.Second)) {
		case porcupine.Ok:
		case porcupine.Illegal:
			errs = append(errs, fmt.Errorf("%w: key %s:\n%s", ErrLinearizability, key, excerpt(history)))
		case porcupine.Unknown:
			errs = append(errs, fmt.Errorf("%w: linearizability of key %s, %d operations", ErrUndecided, key, len(history)))
		}
	}
	return errors.Join(errs...)
}

// excerptMax bounds a failure message, in operations.
const excerptMax = 40

// excerpt prints the shortest prefix of the history that cannot be explained.
func excerpt(history []porcupine.Operation) string {
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	legal := func(n int) bool {
		return porcupine.CheckOperationsTimeout(model(), history[:n], 5*time.Second) != porcupine.Illegal
	}
	// A prefix by call time of a linearizable history need not be linearizable (a read may see a write
	// called later but returned in time), yet near the fault it is the best place to look.
	low, high := 0, len(history)
	for low+1 < high {
		if mid := (low + high) / 2; legal(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	text := ""
	for _, op := range history[max(0, high-excerptMax):high] {
		text += fmt.Sprintf("  %v\n", op.Input)
	}
	return text
}
