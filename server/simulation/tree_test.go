package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/robustness"
)

// told is a run of API 2 as it should be: a creation, a set, a refused and a made swap, a deletion, reads.
func told() treeRecord {
	n := time.Duration(0)
	op := func(kind robustness.Kind, value, expect string, a robustness.Answer) robustness.Operation {
		n += 2
		return robustness.Operation{Kind: kind, Key: "/1/t0", Value: value, Expect: expect, Known: true, Call: n, Return: n + 1, Answer: a}
	}
	return treeRecord{
		ops: []robustness.Operation{
			op(robustness.Swap, "v1", "", robustness.Answer{Done: true, Revision: 1}),
			op(robustness.Put, "v2", "", robustness.Answer{Done: true, Revision: 2}),
			op(robustness.Swap, "v3", "v1", robustness.Answer{Found: true, ModRevision: untold, Revision: 2}),
			op(robustness.Get, "", "", robustness.Answer{Found: true, Value: "v2", ModRevision: 2, Revision: 2}),
			op(robustness.Swap, "v4", "v2", robustness.Answer{Done: true, Revision: 3}),
			op(robustness.Delete, "", "", robustness.Answer{Done: true, Revision: 4}),
			op(robustness.Delete, "", "", robustness.Answer{Revision: 4}),
			op(robustness.Put, "v5", "", robustness.Answer{Done: true, Revision: 5}),
		},
		events: []robustness.Event{
			{Revision: 1, Key: "/1/t0", Value: "v1", Create: 1},
			{Revision: 2, Key: "/1/t0", Value: "v2", Create: 2, Previous: &robustness.Previous{Value: "v1", ModRevision: 1}},
			{Revision: 3, Key: "/1/t0", Value: "v4", Create: 2, Previous: &robustness.Previous{Value: "v2", ModRevision: 2}},
			{Revision: 4, Key: "/1/t0", Delete: true, Create: 2, Previous: &robustness.Previous{Value: "v4", ModRevision: 3}},
			{Revision: 5, Key: "/1/t0", Value: "v5", Create: 5},
		},
		files: map[string]robustness.State{"/1/t0": {Value: "v5", Mod: 5}},
		index: 5,
	}
}

func TestTreeChecksFindPlantedErrors(t *testing.T) {
	sound := told()
	require.NoError(t, sound.check())
	for name, plant := range map[string]func(r *treeRecord){
		"an acknowledged set is lost":     func(r *treeRecord) { r.events[1].Value = "v9" },
		"an acknowledged deletion is not": func(r *treeRecord) { r.events[3].Delete, r.events[3].Value = false, "v4" },
		"a refused swap happens": func(r *treeRecord) {
			r.events = append(r.events, robustness.Event{Revision: 6, Key: "/1/t0", Value: "v3", Create: 5, Previous: &robustness.Previous{Value: "v5", ModRevision: 5}})
			r.files["/1/t0"], r.index = robustness.State{Value: "v3", Mod: 6}, 6
		},
		"a change happens twice": func(r *treeRecord) {
			r.events = append(r.events, robustness.Event{Revision: 6, Key: "/1/t0", Value: "v5", Create: 6, Previous: &robustness.Previous{Value: "v5", ModRevision: 5}})
			r.files["/1/t0"], r.index = robustness.State{Value: "v5", Mod: 6}, 6
		},
		"a deletion instead of a read": func(r *treeRecord) {
			r.ops = append(r.ops, robustness.Operation{Kind: robustness.Get, Key: "/1/t0", Call: 50})
			r.events = append(r.events, robustness.Event{Revision: 6, Key: "/1/t0", Delete: true, Create: 5, Previous: &robustness.Previous{Value: "v5", ModRevision: 5}})
			delete(r.files, "/1/t0")
			r.index = 6
		},
		"a deletion that nobody asked for": func(r *treeRecord) {
			r.events = append(r.events, robustness.Event{Revision: 6, Key: "/1/t0", Delete: true, Create: 5, Previous: &robustness.Previous{Value: "v5", ModRevision: 5}})
			delete(r.files, "/1/t0")
			r.index = 6
		},
		"an unknown swap happens without its condition": func(r *treeRecord) { r.ops[4].Known, r.ops[4].Expect = false, "v1" },
		"a set keeps the creation":                      func(r *treeRecord) { r.events[1].Create = 1 },
		"a swap begins anew":                            func(r *treeRecord) { r.events[2].Create = 3 },
		"a change that nobody asked for":                func(r *treeRecord) { r.ops = r.ops[:len(r.ops)-1] },
		"a change is not told of":                       func(r *treeRecord) { r.events = append(r.events[:1:1], r.events[2:]...) },
		"a refused swap should be made":                 func(r *treeRecord) { r.ops[2].Expect = "v2" },
		"a swap should be refused":                      func(r *treeRecord) { r.ops[4].Expect = "v1" },
		"a read of another value":                       func(r *treeRecord) { r.ops[3].Answer.Value = "v1" },
		"an old read": func(r *treeRecord) {
			r.ops[3].Answer = robustness.Answer{Found: true, Value: "v1", ModRevision: 1, Revision: 1}
		},
		"another value before": func(r *treeRecord) { r.events[2].Previous = &robustness.Previous{Value: "v1", ModRevision: 2} },
		"none before":          func(r *treeRecord) { r.events[2].Previous = nil },
		"a file is lost":       func(r *treeRecord) { delete(r.files, "/1/t0") },
		"a file too many":      func(r *treeRecord) { r.files["/1/t1"] = robustness.State{Value: "v5", Mod: 5} },
		"a file is older":      func(r *treeRecord) { r.files["/1/t0"] = robustness.State{Value: "v4", Mod: 3} },
	} {
		r := told()
		plant(&r)
		require.Error(t, r.check(), name)
	}
}
