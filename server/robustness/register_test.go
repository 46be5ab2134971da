package robustness

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// took makes an answered operation of the given interval in milliseconds.
func took(call, ret int, kind Kind, value string, a Answer) Operation {
	return Operation{Kind: kind, Key: "k", Value: value, Known: true, Answer: a,
		Call: time.Duration(call) * time.Millisecond, Return: time.Duration(ret) * time.Millisecond}
}

// read is the answer of a get.
func read(value string, mod, header int64) Answer {
	return Answer{Found: value != "", Value: value, ModRevision: mod, Revision: header}
}

// ambiguous forgets an operation's answer.
func ambiguous(o Operation) Operation {
	o.Known, o.Answer = false, Answer{}
	return o
}

func TestLinearizableHistories(t *testing.T) {
	swap := func(o Operation, expect string) Operation {
		o.Kind, o.Expect = Swap, expect
		return o
	}
	for name, ops := range map[string][]Operation{
		"one after another": {
			took(0, 1, Get, "", read("", 0, 1)),
			took(2, 3, Put, "a", Answer{Revision: 2}),
			took(4, 5, Get, "", read("a", 2, 9)),
			took(6, 7, Delete, "", Answer{Done: true, Revision: 10}),
			took(8, 9, Get, "", read("", 0, 10)),
			took(10, 11, Delete, "", Answer{Revision: 10}),
		},
		"reads disagree while a write is under way": {
			took(0, 1, Put, "a", Answer{Revision: 2}),
			took(2, 9, Put, "b", Answer{Revision: 3}),
			took(3, 4, Get, "", read("a", 2, 2)),
			took(5, 6, Get, "", read("b", 3, 3)),
		},
		"swaps": {
			swap(took(0, 1, Swap, "a", Answer{Done: true, Revision: 2}), ""),
			swap(took(2, 3, Swap, "b", read("a", 2, 2)), "x"),
			swap(took(4, 5, Swap, "c", Answer{Done: true, Revision: 3}), "a"),
		},
	} {
		require.NoError(t, checkLinearizable(ops, time.Minute), name)
	}
}

func TestImpossibleHistories(t *testing.T) {
	for name, ops := range map[string][]Operation{
		"stale read": {
			took(0, 1, Put, "a", Answer{Revision: 2}),
			took(2, 3, Put, "b", Answer{Revision: 3}),
			took(4, 5, Get, "", read("a", 2, 3)),
		},
		"lost write": {
			took(0, 1, Put, "a", Answer{Revision: 2}),
			took(2, 3, Get, "", read("", 0, 2)),
		},
		"read goes back in time": {
			took(0, 1, Put, "a", Answer{Revision: 2}),
			took(2, 9, Put, "b", Answer{Revision: 3}),
			took(3, 4, Get, "", read("b", 3, 3)),
			took(5, 6, Get, "", read("a", 2, 3)),
		},
		"two swaps win": {
			{Kind: Swap, Key: "k", Value: "a", Known: true, Return: 9, Answer: Answer{Done: true, Revision: 2}},
			{Kind: Swap, Key: "k", Value: "b", Known: true, Return: 9, Answer: Answer{Done: true, Revision: 3}},
		},
		"revision of a write goes back": {
			took(0, 1, Put, "a", Answer{Revision: 5}),
			took(2, 3, Put, "b", Answer{Revision: 4}),
		},
		"value right, revision wrong": {
			took(0, 1, Put, "a", Answer{Revision: 5}),
			took(2, 3, Get, "", read("a", 4, 5)),
		},
		"delete of nothing": {
			took(0, 1, Delete, "", Answer{Done: true, Revision: 2}),
		},
	} {
		require.ErrorIs(t, checkLinearizable(ops, time.Minute), ErrLinearizability, name)
	}
}

// TestAmbiguousOperationsAreResolved: a history the checker explains only with what became of them.
func TestAmbiguousOperationsAreResolved(t *testing.T) {
	late := ambiguous(took(2, 0, Put, "b", Answer{}))
	lost := ambiguous(took(2, 0, Put, "x", Answer{}))
	gone := ambiguous(took(2, 0, Delete, "", Answer{}))
	mute := ambiguous(took(2, 0, Get, "", Answer{}))
	ops := []Operation{
		took(0, 1, Put, "a", Answer{Revision: 2}),
		late, lost, gone, mute,
		took(3, 4, Put, "c", Answer{Revision: 3}),
		took(5, 6, Get, "", read("c", 3, 3)),
		took(7, 8, Get, "", read("b", 4, 4)),
		took(9, 10, Get, "", read("", 0, 5)),
	}
	events := []Event{{Revision: 2, Key: "k", Value: "a"}, {Revision: 3, Key: "k", Value: "c"},
		{Revision: 4, Key: "k", Value: "b"}, {Revision: 5, Key: "k", Delete: true}}
	resolved := resolve(ops, events)
	require.Len(t, resolved, len(ops)-2) // without lost and mute
	require.NoError(t, checkLinearizable(resolved, time.Minute))

	ops[1].Call = 9 * time.Millisecond // read before it was called
	require.ErrorIs(t, checkLinearizable(resolve(ops, events), time.Minute), ErrLinearizability)
}

// TestManyAmbiguousOperationsAreDecided: as many as a long fault leaves behind.
func TestManyAmbiguousOperationsAreDecided(t *testing.T) {
	var ops []Operation
	var events []Event
	revision := int64(1)
	for i := range 400 {
		value := strconv.Itoa(i)
		o := took(10*i, 10*i+5, Put, value, Answer{Revision: revision + 1})
		if i%2 == 0 {
			o = ambiguous(o)
		}
		if i%4 != 0 { // every second ambiguous one never happened
			revision++
			o.Answer.Revision = revision
			events = append(events, Event{Revision: revision, Key: "k", Value: value})
		}
		if !o.Known {
			o.Answer = Answer{}
		}
		ops = append(ops, o)
	}
	require.NoError(t, checkLinearizable(resolve(ops, events), time.Minute))
}
