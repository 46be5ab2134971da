package robustness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// life is a history with creations, changes, a delete and a transaction over two keys.
func life() []Event {
	return []Event{
		{Revision: 11, Key: "a", Value: "1", Create: 11, Version: 1},
		{Revision: 12, Key: "a", Value: "2", Create: 11, Version: 2, Previous: &Previous{"1", 11}},
		{Revision: 12, Key: "b", Value: "3", Create: 12, Version: 1},
		{Revision: 13, Key: "a", Delete: true, Previous: &Previous{"2", 12}},
		{Revision: 14, Key: "a", Value: "4", Create: 14, Version: 1},
		{Revision: 15, Key: "b", Value: "5", Create: 12, Version: 2, Previous: &Previous{"3", 12}},
	}
}

// told is what clients heard while life happened; the write of 5 was ambiguous.
func told() []Operation {
	known := func(kind Kind, key, value string, a Answer) Operation {
		return Operation{Kind: kind, Key: key, Value: value, Known: true, Answer: a}
	}
	return []Operation{
		known(Put, "a", "1", Answer{Revision: 11}),
		known(Put, "a", "2", Answer{Revision: 12}),
		known(Put, "b", "3", Answer{Revision: 12}),
		known(Delete, "a", "", Answer{Done: true, Revision: 13}),
		known(Swap, "a", "4", Answer{Done: true, Revision: 14}),
		known(Swap, "a", "9", Answer{Found: true, Value: "4", ModRevision: 14, Revision: 14}),
		known(Get, "a", "", Answer{Found: true, Value: "4", ModRevision: 14, Revision: 15}),
		{Kind: Put, Key: "b", Value: "5"},
		{Kind: Put, Key: "b", Value: "6"},
	}
}

// kept is the store after life.
func kept() map[string]State {
	return map[string]State{
		"a": {Value: "4", Create: 14, Mod: 14, Version: 1},
		"b": {Value: "5", Create: 12, Mod: 15, Version: 2},
	}
}

func TestCheckHistoryAcceptsTheTruth(t *testing.T) {
	require.NoError(t, CheckHistory(life(), 10, 15, told(), kept()))
}

func TestCheckHistoryFindsPlantedErrors(t *testing.T) {
	type run struct {
		events []Event
		ops    []Operation
		stored map[string]State
		end    int64
	}
	for name, plant := range map[string]func(*run){
		"acknowledged write lost": func(r *run) { r.ops[1].Answer.Revision = 13 },
		"acknowledged delete lost": func(r *run) {
			r.ops = append(r.ops, Operation{Kind: Delete, Key: "b", Known: true, Answer: Answer{Done: true, Revision: 14}})
		},
		"read of what never was": func(r *run) { r.ops[6].Answer.Value = "7" },
		"value nobody sent":      func(r *run) { r.ops = r.ops[:7] },
		"refused write happened": func(r *run) { r.ops[4].Answer.Done = false },
		"delete nobody sent":     func(r *run) { r.ops = append(r.ops[:3:3], r.ops[4:]...) },
		"value written twice":    func(r *run) { r.events[5].Value = "3" },
		"revision skipped":       func(r *run) { r.events = append(r.events[:4:4], r.events[5]) },
		"history too short":      func(r *run) { r.end = 16 },
		"key changes twice":      func(r *run) { r.events[2].Key = "a" },
		"delete of nothing":      func(r *run) { r.events[3].Key = "c"; r.events[3].Previous = nil },
		"wrong version":          func(r *run) { r.events[1].Version = 3 },
		"wrong creation":         func(r *run) { r.events[4].Create = 11 },
		"wrong previous":         func(r *run) { r.events[1].Previous.ModRevision = 10 },
		"key lost":               func(r *run) { delete(r.stored, "b") },
		"key too many":           func(r *run) { r.stored["c"] = State{} },
		"old state":              func(r *run) { r.stored["b"] = State{Value: "3", Create: 12, Mod: 12, Version: 1} },
	} {
		r := run{life(), told(), kept(), 15}
		plant(&r)
		require.ErrorIs(t, CheckHistory(r.events, 10, r.end, r.ops, r.stored), ErrHistory, name)
	}
}
