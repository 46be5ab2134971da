package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// v2Waiting is a request that waits, on both sides.
type v2Waiting struct {
	request v2Request
	since   int64 // waitIndex, 0 for none
	opened  int64 // the tree's index then
	stream  bool
	polls   [2]*v2Poll
}

// v2Poll is a waiting request on one side, with all it was told.
type v2Poll struct {
	side   *v2Side
	stop   context.CancelFunc
	head   v2Reply // status and headers; an error with its body
	status int

	mu     sync.Mutex
	events []v2Told
	ended  bool
	broken error
}

// v2Told is one event of a watch.
type v2Told struct {
	text  string
	index int64
}

// open sends the request and returns when its headers have come, so that what is written next is the watch's future.
func (s *v2Side) open(ctx context.Context, r v2Request) (*v2Poll, error) {
	ctx, cancel := context.WithCancel(ctx)
	giveUp := time.AfterFunc(v2AnswerTimeout, cancel)
	resp, err := s.send(ctx, r)
	if !giveUp.Stop() && err == nil {
		resp.Body.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%v: no headers from %s: %w", r, s.name, err)
	}
	p := &v2Poll{side: s, stop: cancel, status: resp.StatusCode}
	var body []byte
	if resp.StatusCode != http.StatusOK {
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		p.ended = true
	}
	p.head = s.read(r, resp, body)
	if p.ended {
		cancel()
		return p, err
	}
	go p.record(resp.Body)
	return p, nil
}

// record takes events, one a line, until the body ends.
func (p *v2Poll) record(body io.ReadCloser) {
	defer body.Close()
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			p.tell(line)
		}
		if err != nil {
			p.mu.Lock()
			p.ended = true
			if !errors.Is(err, io.EOF) {
				p.broken = err
			}
			p.mu.Unlock()
			return
		}
	}
}

// tell keeps an event. etcd tells a stream twice of the end of the very key it watches, which counts as once.
func (p *v2Poll) tell(line []byte) {
	if p.side.spoilEvent != nil {
		var drop bool
		if line, drop = p.side.spoilEvent(line); drop {
			return
		}
	}
	reply := v2Reply{}
	told := v2Told{text: p.side.body(line, true, &reply)}
	if reply.event != nil && reply.event.Node != nil {
		told.index = reply.event.Node.ModifiedIndex
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.events); n == 0 || p.events[n-1] != told {
		p.events = append(p.events, told)
	}
}

// told copies what has come so far.
func (p *v2Poll) told() (events []v2Told, ended bool, broken error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]v2Told(nil), p.events...), p.ended, p.broken
}

// past tells whether an answer came from the history. etcd ends such a stream after one event, without saying so, and petcd
// goes on: what comes then is not compared.
func (w *v2Waiting) past(events []v2Told) bool {
	return w.stream && w.since > 0 && w.since <= w.opened && len(events) > 0 && events[0].index <= w.opened
}

// compare returns how the two sides differ by now.
func (w *v2Waiting) compare() error {
	a, b := w.polls[0], w.polls[1]
	if a.head.text != b.head.text {
		return fmt.Errorf("%s answers %s\n%s answers %s", a.side.name, a.head.text, b.side.name, b.head.text)
	}
	got, gotEnded, gotBroken := a.told()
	other, otherEnded, otherBroken := b.told()
	if err := errors.Join(gotBroken, otherBroken); err != nil {
		return err
	}
	for i := range min(len(got), len(other)) {
		if got[i] != other[i] {
			return fmt.Errorf("event %d:\n%s has %s%s has %s", i, a.side.name, got[i].text, b.side.name, other[i].text)
		}
		if w.past(got) {
			return nil
		}
	}
	if len(got) != len(other) {
		more, events := a.side.name, got
		if len(other) > len(got) {
			more, events = b.side.name, other
		}
		return fmt.Errorf("%s has %d events, %s has %d; only %s has %s", a.side.name, len(got), b.side.name, len(other),
			more, events[min(len(got), len(other))].text)
	}
	if gotEnded != otherEnded {
		return fmt.Errorf("ended: %s %v, %s %v", a.side.name, gotEnded, b.side.name, otherEnded)
	}
	return nil
}

// done tells whether nothing more will come on either side that is compared.
func (w *v2Waiting) done() bool {
	events, ended, _ := w.polls[0].told()
	_, otherEnded, _ := w.polls[1].told()
	return ended && otherEnded || w.past(events)
}

// due says what is missing when the watched key itself was changed at an index: everything that waits must have been told.
func (w *v2Waiting) due(index int64) error {
	events, ended, _ := w.polls[0].told()
	told := len(events) > 0 && (ended || w.stream && events[len(events)-1].index >= index)
	if must := index >= max(w.since, w.opened+1); must != told && !ended && !w.past(events) {
		return fmt.Errorf("both sides are wrong: the key was changed at index %d, told: %v of %d events", index, told, len(events))
	}
	return nil
}

// close ends both requests.
func (w *v2Waiting) close() {
	for _, p := range w.polls {
		p.stop()
	}
}
