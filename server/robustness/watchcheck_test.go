package robustness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// watched is a session from revision 12 that got everything of life, with bookmarks.
func watched() *Session {
	e := life()
	return &Session{
		Start: 12, From: "a", To: "c", PrevKV: true,
		Responses: []Response{
			{Events: e[1:3]},
			{Bookmark: 12},
			{Events: e[3:5]},
			{Events: e[5:6]},
			{Bookmark: 15},
		},
	}
}

func TestCheckWatchAcceptsTheTruth(t *testing.T) {
	require.NoError(t, CheckWatch(life(), watched()))

	early := watched()
	early.Responses = early.Responses[:2] // what it has not seen yet is not missing
	require.NoError(t, CheckWatch(life(), early))

	deletes := &Session{Start: 1, From: "a", To: "b", NoPut: true, PrevKV: true,
		Responses: []Response{{Events: life()[3:4]}, {Bookmark: 15}}}
	require.NoError(t, CheckWatch(life(), deletes))
}

func TestCheckWatchFindsPlantedErrors(t *testing.T) {
	for promise, plant := range map[string]func(*Session){
		"ordered":              func(s *Session) { s.Responses[2], s.Responses[3] = s.Responses[3], s.Responses[2] },
		"unique":               func(s *Session) { s.Responses[3].Events = append(s.Responses[3].Events, life()[5]) },
		"atomic":               func(s *Session) { s.split(0) },
		"reliable: event {Rev": func(s *Session) { s.Responses[2].Events = life()[4:5] },
		"never happened":       func(s *Session) { s.Responses[3].Events = []Event{{Revision: 15, Key: "a"}} },
		"resumable":            func(s *Session) { s.Responses[0].Events = life()[0:3] },
		"before event":         func(s *Session) { s.Responses[1].Bookmark = 13 },
		"after bookmark":       func(s *Session) { s.Responses[1].Bookmark = 14 },
		"bookmarkable":         func(s *Session) { s.Responses[4].Bookmark = 14 },
		"prev_kv":              func(s *Session) { s.Responses[2].Events[0].Previous = nil },
		"without being asked":  func(s *Session) { s.PrevKV = false },
		"creation":             func(s *Session) { s.Responses[2].Events[1].Create = 11 },
		"by the history":       func(s *Session) { s.Responses[3].Events[0].Value = "6" },
		"filtered":             func(s *Session) { s.NoDelete = true },
	} {
		s := watched()
		plant(s)
		err := CheckWatch(life(), s)
		require.ErrorIs(t, err, ErrWatch, promise)
		require.ErrorContains(t, err, promise)
	}
}

// split breaks a response in two.
func (s *Session) split(i int) {
	events := s.Responses[i].Events
	rest := append([]Response{{Events: events[1:]}}, s.Responses[i+1:]...)
	s.Responses = append(append(s.Responses[:i:i], Response{Events: events[:1]}), rest...)
}
