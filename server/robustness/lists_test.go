package robustness

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed is what a client reads, in two pages, after the third event.
func listed() List {
	return List{
		Revision: 12, Keys: []string{"a", "b"}, Counts: []int64{2, 1}, Pages: []int{1, 1},
		State: map[string]State{"a": {Value: "1", Create: 10, Mod: 10, Version: 1}, "b": {Value: "3", Create: 11, Mod: 12, Version: 2}},
	}
}

// written are three puts and a delete.
func written() []Event {
	return []Event{
		{Revision: 10, Key: "a", Value: "1", Create: 10, Version: 1},
		{Revision: 11, Key: "b", Value: "2", Create: 11, Version: 1},
		{Revision: 12, Key: "b", Value: "3", Create: 11, Version: 2},
		{Revision: 13, Key: "a", Delete: true},
	}
}

func TestCheckListsAcceptsTheTruth(t *testing.T) {
	later := List{Revision: 13, Keys: []string{"b"}, Counts: []int64{1}, Pages: []int{1}, State: map[string]State{"b": listed().State["b"]}}
	require.NoError(t, checkLists(written(), []List{later, listed(), {Revision: 9, Counts: []int64{0}, Pages: []int{0}}}))
}

func TestCheckListsFindsPlantedErrors(t *testing.T) {
	for text, plant := range map[string]func(*List){
		"not in order":      func(l *List) { slices.Reverse(l.Keys) },
		"key b is":          func(l *List) { l.State["b"] = State{Value: "2", Create: 11, Mod: 11, Version: 1} },
		"key a is":          func(l *List) { delete(l.State, "a") },
		"there are 3 keys":  func(l *List) { l.Keys = append(l.Keys, "c") },
		"counts 2 keys and": func(l *List) { l.Counts[1] = 2 },
	} {
		l := listed()
		plant(&l)
		err := checkLists(written(), []List{l})
		require.ErrorIs(t, err, ErrList, text)
		require.ErrorContains(t, err, text)
	}
}
