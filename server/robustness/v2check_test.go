package robustness

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// v2Life is a history of API 2: a creation, a set of what is there, a swap, a delete, and a key that ends by itself.
func v2Life() []Event {
	return []Event{
		{Revision: 4, Key: "p/a", Value: "1", Create: 4},
		{Revision: 5, Key: "p/a", Value: "2", Create: 5, Fresh: true, Previous: &Previous{"1", 4}},
		{Revision: 6, Key: "p/ttl/0", Value: "t", Create: 6, Fresh: true},
		{Revision: 7, Key: "p/a", Value: "3", Create: 5, Previous: &Previous{"2", 5}},
		{Revision: 8, Key: "p/ttl/0", Delete: true, Expired: true, Create: 6, Previous: &Previous{"t", 6}},
		{Revision: 9, Key: "p/a", Delete: true, Create: 5, Previous: &Previous{"3", 7}},
		{Revision: 10, Key: "p/b", Value: "4", Create: 10, Fresh: true},
	}
}

// v2Told is what clients heard meanwhile.
func v2Told() []Operation {
	known := func(kind Kind, key, value, expect string, a Answer) Operation {
		return Operation{Kind: kind, Key: key, Value: value, Expect: expect, Known: true, Answer: a}
	}
	return []Operation{
		known(Swap, "p/a", "1", "", Answer{Done: true, Revision: 4}),
		known(Put, "p/a", "2", "", Answer{Done: true, Revision: 5}),
		known(Swap, "p/a", "3", "2", Answer{Done: true, Revision: 7}),
		known(Swap, "p/a", "9", "2", Answer{Found: true, Value: "3", ModRevision: untold, Revision: 8}),
		known(Swap, "p/a", "8", "", Answer{Found: true, ModRevision: untold, Revision: 8}),
		known(Delete, "p/a", "", "", Answer{Done: true, Revision: 9}),
		known(Put, "p/b", "4", "", Answer{Done: true, Revision: 10}),
		known(Put, "p/ttl/0", "t", "", Answer{Done: true, Revision: 6}),
	}
}

// v2Check runs the checks of an epoch's history.
func v2Check(events []Event, ops []Operation, stored map[string]State) error {
	c := newHistoryCheck()
	c.unversioned = true
	c.contiguous(events, 3, 10)
	return c.run(events, ops, stored)
}

func TestV2HistoryCheck(t *testing.T) {
	kept := func() map[string]State { return map[string]State{"p/b": {Value: "4", Create: 10, Mod: 10}} }
	require.NoError(t, v2Check(v2Life(), v2Told(), kept()))
	for name, plant := range map[string]func(events []Event, ops []Operation, stored map[string]State) []Event{
		"set keeps the creation":   func(e []Event, _ []Operation, _ map[string]State) []Event { e[1].Create = 4; return e },
		"swap begins anew":         func(e []Event, _ []Operation, _ map[string]State) []Event { e[3].Create = 7; return e },
		"index skipped":            func(e []Event, _ []Operation, _ map[string]State) []Event { return append(e[:4:4], e[5:]...) },
		"acknowledged set lost":    func(_ []Event, o []Operation, _ map[string]State) []Event { o[1].Answer.Revision = 6; return v2Life() },
		"refused swap happened":    func(_ []Event, o []Operation, _ map[string]State) []Event { o[2].Answer.Done = false; return v2Life() },
		"delete that nobody sent":  func(e []Event, _ []Operation, _ map[string]State) []Event { e[4].Expired = false; return e },
		"wrong previous":           func(e []Event, _ []Operation, _ map[string]State) []Event { e[5].Previous.Value = "2"; return e },
		"key outlives the history": func(_ []Event, _ []Operation, s map[string]State) []Event { s["p/a"] = State{}; return v2Life() },
		"key lost":                 func(_ []Event, _ []Operation, s map[string]State) []Event { delete(s, "p/b"); return v2Life() },
		"index of a key is another": func(_ []Event, _ []Operation, s map[string]State) []Event {
			s["p/b"] = State{"4", 10, 9, 0}
			return v2Life()
		},
	} {
		events, ops, stored := v2Life(), v2Told(), kept()
		require.ErrorIs(t, v2Check(plant(events, ops, stored), ops, stored), ErrHistory, name)
	}
}

func TestV2WatchCheck(t *testing.T) {
	session := func(events ...Event) *Session {
		s := &Session{Start: 4, From: "p/", To: "p0", PrevKV: true}
		for _, e := range events {
			s.Responses = append(s.Responses, Response{Events: []Event{e}})
		}
		return s
	}
	life := v2Life()
	require.NoError(t, CheckWatch(life, session(life...)))
	require.ErrorIs(t, CheckWatch(life, session(append(life[:2:2], life[3:]...)...)), ErrWatch, "one is missing")
	require.ErrorIs(t, CheckWatch(life, session(append(life[:3:3], life[2:]...)...)), ErrWatch, "one comes twice")
	require.ErrorIs(t, CheckWatch(life, session(life[1], life[0])), ErrWatch, "out of order")
	other := life[3]
	other.Value = "4"
	require.ErrorIs(t, CheckWatch(life, session(append(append(life[:3:3], other), life[4:]...)...)), ErrWatch, "another value")
}

// TestV2RefusalsAreChecked: what a refusal tells of the value must go with the register.
func TestV2RefusalsAreChecked(t *testing.T) {
	swap := func(expect string, a Answer) []Operation {
		return []Operation{took(0, 1, Put, "a", Answer{Done: true, Revision: 2}),
			{Kind: Swap, Key: "k", Value: "b", Expect: expect, Known: true, Call: 2 * time.Millisecond, Return: 3 * time.Millisecond, Answer: a}}
	}
	refused := func(value string) Answer {
		return Answer{Found: true, Value: value, ModRevision: untold, Revision: 2}
	}
	require.NoError(t, checkLinearizable(swap("x", refused("a")), time.Minute))
	require.NoError(t, checkLinearizable(swap("", refused("")), time.Minute))
	require.ErrorIs(t, checkLinearizable(swap("x", refused("c")), time.Minute), ErrLinearizability)
	require.ErrorIs(t, checkLinearizable(swap("a", refused("a")), time.Minute), ErrLinearizability)
	require.ErrorIs(t, checkLinearizable(swap("x", Answer{Revision: 2}), time.Minute), ErrLinearizability)
}

func TestV2TreesAreCompared(t *testing.T) {
	require.NoError(t, compareTrees([]string{`{"a":1}`, `{"a":1}`}))
	require.ErrorIs(t, compareTrees([]string{`{"a":1}`, `{"a":1}`, `{"a":2}`}), ErrDiverged)
}

// TestMortalsAreChecked gives wrong ends of keys with a time to live.
func TestMortalsAreChecked(t *testing.T) {
	m := &mortals{ops: []Operation{{Key: "p/ttl/0"}, {Key: "p/ttl/1"}}, known: []mortal{{key: "p/ttl/0"}}}
	end := func(key string) Event { return Event{Key: key, Delete: true, Expired: true} }
	require.NoError(t, m.checkExpiries([]Event{end("p/ttl/0")}))
	require.NoError(t, m.checkExpiries([]Event{end("p/ttl/0"), end("p/ttl/1")}))
	require.ErrorIs(t, m.checkExpiries(nil), ErrHistory, "no end")
	require.ErrorIs(t, m.checkExpiries([]Event{end("p/ttl/0"), end("p/ttl/0")}), ErrHistory, "two ends")
	require.ErrorIs(t, m.checkExpiries([]Event{end("p/ttl/0"), end("p/a")}), ErrHistory, "the end of another")

	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Etcd-Index", "7")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"errorCode":100,"message":"Key not found","cause":"/p/ttl/0","index":7}`))
	}))
	defer gone.Close()
	m = &mortals{api: newV2API([]string{gone.URL}), rng: rand.New(rand.NewPCG(1, 1)), began: time.Now()}
	m.look(t.Context(), mortal{key: "p/ttl/0", expiration: time.Now()})
	require.Empty(t, m.errs)
	m.look(t.Context(), mortal{key: "p/ttl/0", expiration: time.Now().Add(time.Hour)})
	require.NotEmpty(t, m.errs)
	require.ErrorIs(t, m.errs[0], ErrHistory)
}
