package robustness

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Session is one watch from its creation to the end of its stream.
type Session struct {
	Start     int64 // first revision asked for
	From, To  string
	NoPut     bool
	NoDelete  bool
	PrevKV    bool
	Endpoint  string // who answered, for messages
	Responses []Response
}

// Response is what a watch delivered at once: events, or a bookmark (progress).
type Response struct {
	Events   []Event
	Bookmark int64 // revision up to which everything has been delivered; 0 = no bookmark
}

// wants says whether the session asked for the event.
func (s *Session) wants(e Event) bool {
	return e.Revision >= s.Start && e.Key >= s.From && e.Key < s.To && !(e.Delete && s.NoDelete) && !(!e.Delete && s.NoPut)
}

// Last is the newest revision the session knows everything up to.
func (s *Session) Last() int64 {
	last := s.Start - 1
	for _, r := range s.Responses {
		last = max(last, r.Bookmark)
		for _, e := range r.Events {
			last = max(last, e.Revision)
		}
	}
	return last
}

// CheckWatch compares a session with the reference history, which holds every event from before
// Start to after the last one delivered.
func CheckWatch(reference []Event, s *Session) error {
	c := watchCheck{session: s}
	for _, e := range reference {
		if s.wants(e) {
			c.want = append(c.want, e)
		}
	}
	for _, r := range s.Responses {
		c.response(r)
	}
	c.reliable()
	return errors.Join(c.errs...)
}

// watchCheck walks through a session's responses.
type watchCheck struct {
	session  *Session
	want     []Event // of the reference, by revision
	got      []Event
	last     int64 // newest revision delivered
	bookmark int64
	errs     []error
}

// watchErrorsMax bounds a failure message.
const watchErrorsMax = 10

func (c *watchCheck) fail(promise, format string, args ...any) {
	if len(c.errs) < watchErrorsMax {
		text := fmt.Sprintf(format, args...)
		c.errs = append(c.errs, fmt.Errorf("%w: not %s: %s (watch of [%s,%s) from revision %d at %s)", ErrWatch, promise, text,
			c.session.From, c.session.To, c.session.Start, c.session.Endpoint))
	}
}

// response checks one delivery against those before it.
func (c *watchCheck) response(r Response) {
	if r.Bookmark > 0 {
		if r.Bookmark < c.last {
			c.fail("bookmarkable", "bookmark %d after an event of revision %d", r.Bookmark, c.last)
		}
		c.bookmark = max(c.bookmark, r.Bookmark)
		// What the bookmark promises must have come before it.
		if i := len(c.got); i < len(c.want) && c.want[i].Revision <= r.Bookmark {
			c.fail("bookmarkable", "bookmark %d before event %+v", r.Bookmark, c.want[i])
		}
		return
	}
	if len(r.Events) > 0 && len(c.got) > 0 && r.Events[0].Revision == c.last {
		c.fail("atomic", "revision %d comes in two responses", c.last)
	}
	for _, e := range r.Events {
		c.event(e)
	}
}

// event checks one event against those before it and its counterpart in the reference.
func (c *watchCheck) event(e Event) {
	switch {
	case e.Revision < c.last:
		c.fail("ordered", "revision %d after %d", e.Revision, c.last)
	case e.Revision <= c.bookmark:
		c.fail("bookmarkable", "event %+v after bookmark %d", e, c.bookmark)
	case e.Revision < c.session.Start:
		c.fail("resumable", "event %+v from before the start", e)
	}
	for _, before := range slices.Backward(c.got) {
		if before.Revision != e.Revision {
			break
		}
		if before.Key == e.Key {
			c.fail("unique", "event %+v comes twice", e)
		}
	}
	if !c.session.wants(e) {
		c.fail("filtered", "event %+v was not asked for", e)
	}
	c.last = max(c.last, e.Revision)
	c.got = append(c.got, e)
}

// reliable checks that exactly the reference's events came, up to where the session got.
func (c *watchCheck) reliable() {
	end := c.session.Last()
	byPlace := func(a, b Event) int { return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Key, b.Key)) }
	got := slices.SortedFunc(slices.Values(c.got), byPlace)
	want := slices.SortedFunc(slices.Values(c.want), byPlace)
	for len(got) > 0 || len(want) > 0 && want[0].Revision <= end {
		switch {
		case len(got) == 0 || len(want) > 0 && byPlace(want[0], got[0]) < 0:
			c.fail("reliable", "event %+v is missing", want[0])
			want = want[1:]
		case len(want) == 0 || byPlace(got[0], want[0]) < 0:
			c.fail("reliable", "event %+v never happened", got[0])
			got = got[1:]
		default:
			c.same(got[0], want[0])
			got, want = got[1:], want[1:]
		}
	}
}

// same checks that an event says what the reference says.
func (c *watchCheck) same(got, want Event) {
	if c.session.PrevKV {
		if (got.Previous == nil) != (want.Previous == nil) || got.Previous != nil && *got.Previous != *want.Previous {
			c.fail("right about prev_kv", "%+v has %+v, not %+v", got, got.Previous, want.Previous)
		}
	} else if got.Previous != nil {
		c.fail("right about prev_kv", "%+v has one without being asked", got)
	}
	if !got.Delete && !got.Fresh && (got.Create == got.Revision) != (want.Previous == nil) {
		c.fail("right about creation", "%+v", got)
	}
	got.Previous, want.Previous = nil, nil
	if got != want {
		c.fail("reliable", "%+v, by the history %+v", got, want)
	}
}
