package robustness

import (
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
		"an ambiguous write appears late": {
			took(0, 1, Put, "a", Answer{Revision: 2}),
			ambiguous(took(2, 0, Put, "b", Answer{})),
			took(3, 4, Put, "c", Answer{Revision: 3}),
			took(5, 6, Get, "", read("c", 3, 3)),
			took(7, 8, Get, "", read("b", 4, 4)),
		},
		"an ambiguous write never appears": {
			took(0, 1, Put, "a", Answer{Revision: 2}),
			ambiguous(took(2, 0, Delete, "", Answer{})),
			took(3, 4, Get, "", read("a", 2, 7)),
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
		"ambiguous write read before it was called": {
			took(0, 1, Get, "", read("a", 2, 2)),
			ambiguous(took(2, 0, Put, "a", Answer{})),
		},
		"delete of nothing": {
			took(0, 1, Delete, "", Answer{Done: true, Revision: 2}),
		},
	} {
		require.ErrorIs(t, checkLinearizable(ops, time.Minute), ErrLinearizability, name)
	}
}
