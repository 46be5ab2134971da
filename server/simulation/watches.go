package simulation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/petcd/petcd/server/robustness"
	"github.com/petcd/petcd/storage/watch"
)

// watches follow the events of all members: on each one a watch of everything, for as long as its process runs, and those that clients
// begin and resume. Together the former are the history that all is held against.
type watches struct {
	w *world

	mu       sync.Mutex
	history  map[int64][]robustness.Event // by revision, as the first member told it
	expired  map[string]time.Duration     // when keys with a lease were first seen to be gone
	last     int64                        // revision
	sessions []*robustness.Session
	running  map[*member][]*watch.Group
	resumed  map[int]int64 // where clients' watches got to
}

func newWatches(w *world) *watches {
	return &watches{w: w, history: map[int64][]robustness.Event{}, expired: map[string]time.Duration{}, last: 1,
		running: map[*member][]*watch.Group{}, resumed: map[int]int64{}}
}

// everything ends the range of all keys that clients use.
const everything = "\xff"

// follow begins the watch of everything on a member. It begins a little before what is known, as a member that comes back has to tell
// the same again.
func (ws *watches) follow(m *member) {
	ws.watch(m, robustness.Session{From: "\x00", To: everything, PrevKV: true, Start: max(2, ws.last-int64(m.rng.IntN(50)))}, -1)
}

// leave ends all watches on a member.
func (ws *watches) leave(m *member) {
	ws.mu.Lock()
	groups := ws.running[m]
	delete(ws.running, m)
	ws.mu.Unlock()
	for _, g := range groups {
		g.Close()
	}
}

// begin begins a client's watch, where its last one ended or before that.
func (ws *watches) begin(m *member, d Demand) {
	client := d.Amount % 4
	s := robustness.Session{From: "\x00", To: everything, PrevKV: d.Amount%2 == 0, NoPut: d.Amount%7 == 1, NoDelete: d.Amount%7 == 2}
	if d.Amount%3 == 0 {
		s.From, s.To = keyName(d.Key), keyName(d.Key)+"\x00"
	}
	if s.Start = ws.resumed[client] + 1; d.Amount%5 == 0 {
		s.Start -= int64(d.Amount % 100)
	}
	s.Start = max(2, s.Start)
	g := ws.watch(m, s, client)
	ws.w.after(ws.w.between(time.Second/10, 8*time.Second), g.Close)
}

// watch begins a session and lets a goroutine receive what comes.
func (ws *watches) watch(m *member, s robustness.Session, client int) *watch.Group {
	g := m.replica.Store().NewWatchGroup()
	ws.mu.Lock()
	ws.running[m] = append(ws.running[m], g)
	ws.mu.Unlock()
	s.Endpoint = fmt.Sprintf("%s, life %d", m.name, m.life)
	ws.create(g, &s)
	go ws.receive(g, &s, client)
	return g
}

// create records a session and asks for it.
func (ws *watches) create(g *watch.Group, s *robustness.Session) {
	ws.mu.Lock()
	ws.sessions = append(ws.sessions, s)
	ws.mu.Unlock()
	o := watch.Options{NoPut: s.NoPut, NoDelete: s.NoDelete, PrevKV: s.PrevKV}
	if _, err := g.Watch(1, []byte(s.From), []byte(s.To), s.Start, o); err != nil {
		ws.w.checks.fail("watch: %w", err)
	}
}

// receive records deliveries until the group is closed. A watch that ends because its history is given up begins again there.
func (ws *watches) receive(g *watch.Group, s *robustness.Session, client int) {
	for n := 0; ; n++ {
		d, err := g.Next(context.Background())
		if err != nil {
			return
		}
		if d.CompactRevision != 0 {
			next := *s
			next.Start, next.Responses = max(d.CompactRevision, s.Last()+1), nil
			s = &next
			ws.create(g, s)
			continue
		}
		if ws.w.hooks.LoseEvents && client >= 0 && n%5 == 4 {
			continue
		}
		r := robustness.Response{}
		for _, ev := range d.Events {
			r.Events = append(r.Events, robustness.EventOf(ev))
		}
		ws.mu.Lock()
		s.Responses = append(s.Responses, r)
		if client >= 0 {
			ws.resumed[client] = max(ws.resumed[client], s.Last())
		} else {
			ws.record(r.Events)
		}
		ws.mu.Unlock()
	}
}

// record adds what nobody has told before to the history.
func (ws *watches) record(events []robustness.Event) {
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].Revision == events[0].Revision {
			n++
		}
		if at := events[0].Revision; ws.history[at] == nil {
			ws.history[at] = events[:n]
			ws.last = max(ws.last, at)
			for _, e := range events[:n] {
				if e.Delete {
					ws.expired[e.Key] = ws.w.now()
				}
			}
		}
		events = events[n:]
	}
}

// reference is the whole history in order, with what each event replaced worked out anew: what is compacted when it is told comes
// without.
func (ws *watches) reference() (events []robustness.Event) {
	state := map[string]robustness.Previous{}
	for revision := int64(2); revision <= ws.last; revision++ {
		for _, e := range ws.history[revision] {
			e.Previous = nil
			if before, ok := state[e.Key]; ok {
				e.Previous = &before
			}
			if e.Delete {
				delete(state, e.Key)
				e.Expired = isLeased(e.Key)
			} else {
				state[e.Key] = robustness.Previous{Value: e.Value, ModRevision: e.Revision}
			}
			events = append(events, e)
		}
	}
	return events
}

// complete gives a session's events what they lack because the history before them was given up already.
func (ws *watches) complete(s *robustness.Session, events []robustness.Event, given int64) {
	before := map[int64]map[string]*robustness.Previous{}
	for _, e := range events {
		if before[e.Revision] == nil {
			before[e.Revision] = map[string]*robustness.Previous{}
		}
		before[e.Revision][e.Key] = e.Previous
	}
	for i := range s.Responses {
		for j := range s.Responses[i].Events {
			e := &s.Responses[i].Events[j]
			e.Expired = e.Delete && isLeased(e.Key)
			if s.PrevKV && e.Previous == nil && e.Revision-1 < given {
				e.Previous = before[e.Revision][e.Key]
			}
		}
	}
}
