package robustness

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// register is one key as the model knows it.
type register struct {
	exists bool
	value  string
	// revision of the last change. After an ambiguous one only a bound below is known, until a read
	// tells.
	revision int64
	bound    bool
}

// step applies an operation; false when its answer is impossible in this state.
func (r register) step(o Operation) (bool, register) {
	if !o.Known {
		return true, r.perhaps(o)
	}
	a := o.Answer
	switch o.Kind {
	case Get:
		return r.read(a)
	case Put:
		return r.write(o.Value, a.Revision)
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
			return r.read(a)
		}
		return r.write(o.Value, a.Revision)
	}
	return false, r
}

// perhaps is the state if an ambiguous operation happens here. That it never happened is the same as
// happening after everything else, for its interval has no end.
func (r register) perhaps(o Operation) register {
	switch o.Kind {
	case Put:
		return register{exists: true, value: o.Value, revision: r.revision, bound: true}
	case Swap:
		if r.matches(o.Expect) {
			return register{exists: true, value: o.Value, revision: r.revision, bound: true}
		}
	case Delete:
		return register{revision: r.revision}
	case Get:
	}
	return r
}

// matches is Swap's condition.
func (r register) matches(expect string) bool {
	if expect == "" {
		return !r.exists
	}
	return r.exists && r.value == expect
}

// read checks what a read answered, and learns a revision that was not known.
func (r register) read(a Answer) (bool, register) {
	if a.Found != r.exists || a.Revision < r.revision {
		return false, r
	}
	if !a.Found {
		return true, r
	}
	if a.Value != r.value || a.ModRevision > a.Revision {
		return false, r
	}
	if r.bound {
		return a.ModRevision > r.revision, register{exists: true, value: r.value, revision: a.ModRevision}
	}
	return a.ModRevision == r.revision, r
}

// write sets the value at a known revision, which must be new.
func (r register) write(value string, revision int64) (bool, register) {
	return revision > r.revision, register{exists: true, value: value, revision: revision}
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
// independent registers, so they are checked one by one, within the budget for all of them.
func checkLinearizable(ops []Operation, budget time.Duration) error {
	deadline := time.Now().Add(budget)
	byKey := make(map[string][]porcupine.Operation)
	for _, o := range ops {
		if o.Kind == Get && !o.Known {
			continue // changed nothing and says nothing
		}
		end := int64(o.Return)
		if !o.Known {
			end = math.MaxInt64
		}
		byKey[o.Key] = append(byKey[o.Key], porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Call), Return: end})
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
