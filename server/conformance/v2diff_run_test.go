package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/petcd/petcd/server/process"
)

const (
	// v2History is how many changes a server remembers for watches.
	v2History = 1000
	// v2WatchesMax is how many requests wait at a time.
	v2WatchesMax = 15
	// v2SettleEvery and v2ExpireEvery are how many operations lie between two looks at the watches, and between two keys
	// that expire.
	v2SettleEvery = 25
	v2ExpireEvery = 1500
)

// v2Differential sends the same seeded requests to two servers and compares replies and events. One request that writes is
// under way at a time, so the trees of both must go through the same states.
type v2Differential struct {
	sides    [2]*v2Side
	gen      *v2Generator
	patience time.Duration // how long settle waits
	search   time.Duration // how long shrink looks for a short list

	watches []*v2Waiting
	log     []v2Request // all that were answered, for the report
	told    int         // events of watches that ended
	expired int
	codes   map[int]int // errors by their number
}

// v2Difference is the first request that was answered differently.
type v2Difference struct {
	request v2Request
	names   [2]string
	answers [2]string
}

func (d *v2Difference) Error() string {
	return fmt.Sprintf("%v:\n%s answers %s\n%s answers %s", d.request, d.names[0], shorten(d.answers[0]), d.names[1], shorten(d.answers[1]))
}

// run does n operations from a seed on emptied trees; its error tells the first difference and the requests that lead there.
func (d *v2Differential) run(ctx context.Context, seed uint64, n int) error {
	if err := d.reset(ctx); err != nil {
		return err
	}
	d.gen, d.log, d.codes = newV2Generator(seed), nil, make(map[int]int)
	before, err := d.counters(ctx)
	if err != nil {
		return err
	}
	defer d.closeWatches()
	for i := range n {
		if err := d.step(ctx, i); err != nil {
			return fmt.Errorf("operation %d of %d: %w\n%s", i+1, n, err, d.context(ctx, err))
		}
	}
	for len(d.watches) > 0 {
		if err := d.drain(ctx, len(d.watches)-1); err != nil {
			return fmt.Errorf("at the end: %w\n%s", err, d.context(ctx, err))
		}
	}
	after, err := d.counters(ctx)
	if err != nil {
		return err
	}
	return d.compareCounters(before, after)
}

// step is the i-th operation.
func (d *v2Differential) step(ctx context.Context, i int) error {
	if i%v2SettleEvery == v2SettleEvery-1 {
		if err := d.settle(ctx); err != nil {
			return err
		}
	}
	switch {
	case i%v2ExpireEvery == v2ExpireEvery/2:
		return d.expire(ctx)
	case d.gen.maybe(30):
		return d.watch(ctx)
	default:
		_, err := d.both(ctx, d.gen.next())
		return err
	}
}

// both sends a request to both sides at once and compares the answers.
func (d *v2Differential) both(ctx context.Context, r v2Request) (v2Reply, error) {
	var replies [2]v2Reply
	var wg sync.WaitGroup
	for i, s := range d.sides {
		wg.Go(func() { replies[i] = s.do(ctx, r) })
	}
	wg.Wait()
	for i, s := range d.sides {
		// etcd 3.4 resets a new connection that begins with a line of more than 4,096 bytes. What the other one refused is asked
		// again, on a connection that has begun otherwise.
		if s.name == process.Etcd34 && replies[i].reset && replies[1-i].code != 0 {
			s.do(ctx, v2Request{method: http.MethodGet})
			replies[i] = s.do(ctx, r)
		}
	}
	if err := ctx.Err(); err != nil {
		return v2Reply{}, err
	}
	d.log = append(d.log, r)
	if replies[0].text != replies[1].text {
		return v2Reply{}, &v2Difference{request: r, names: [2]string{d.sides[0].name, d.sides[1].name},
			answers: [2]string{replies[0].text, replies[1].text}}
	}
	d.gen.learn(r, replies[0])
	d.codes[replies[0].code]++
	return replies[0], nil
}

// watch opens a waiting request on both sides, and ends an old one when there are many.
func (d *v2Differential) watch(ctx context.Context) error {
	if len(d.watches) >= v2WatchesMax {
		if err := d.drain(ctx, d.gen.rand.IntN(len(d.watches))); err != nil {
			return err
		}
	}
	// What is on its way belongs to watches that are there already.
	r := d.gen.watch()
	w := &v2Waiting{request: r, stream: r.is("stream"), opened: d.gen.index}
	if value, ok := r.get("waitIndex"); ok {
		if _, err := fmt.Sscan(value, &w.since); err != nil {
			return err
		}
	}
	for i, s := range d.sides {
		p, err := s.open(ctx, r)
		if err != nil {
			return err
		}
		w.polls[i] = p
	}
	d.codes[w.polls[0].head.code]++
	d.watches = append(d.watches, w)
	return nil
}

// settle waits until the watches of both sides have told the same; a difference that stays is the error.
func (d *v2Differential) settle(ctx context.Context) error {
	return await(ctx, d.patience, d.compareWatches)
}

// compareWatches compares each watch, and forgets those of which nothing more can come.
func (d *v2Differential) compareWatches() error {
	kept := d.watches[:0:0]
	for i, w := range d.watches {
		if err := w.compare(); err != nil {
			d.watches = append(kept, d.watches[i:]...)
			return fmt.Errorf("watch %v, opened at index %d: %w", w.request, w.opened, err)
		}
		if !w.done() {
			kept = append(kept, w)
			continue
		}
		events, _, _ := w.polls[0].told()
		d.told += len(events)
		w.close()
	}
	d.watches = kept
	return nil
}

// drain changes the key that the i-th watch waits for, and checks that both sides tell of it: else a watch that both have
// forgotten would pass.
func (d *v2Differential) drain(ctx context.Context, i int) error {
	w := d.watches[i]
	if err := d.settle(ctx); err != nil || w.done() {
		return err
	}
	key := w.request.path
	if top(key) == "" {
		key = "/drain"
	}
	// Whatever stands in the way of a file there goes first.
	if _, err := d.both(ctx, v2Request{method: "DELETE", path: top(key), query: []v2Param{{name: "recursive", value: "true"}}}); err != nil {
		return err
	}
	reply, err := d.both(ctx, v2Request{method: "PUT", path: key, form: []v2Param{{name: "value", value: "drain"}}})
	if err != nil {
		return err
	}
	if key == w.request.path || w.request.is("recursive") {
		err = await(ctx, d.patience, func() error { return w.due(reply.index) })
	}
	if err != nil {
		return fmt.Errorf("watch %v, opened at index %d: %w", w.request, w.opened, err)
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	for i, have := range d.watches {
		if have == w {
			events, _, _ := w.polls[0].told()
			d.told += len(events)
			w.close()
			d.watches = append(d.watches[:i:i], d.watches[i+1:]...)
			break
		}
	}
	return nil
}

// await asks again and again until a check passes; its last error stays.
func await(ctx context.Context, patience time.Duration, check func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// expire makes a key that ends soon and waits for its end on both sides.
func (d *v2Differential) expire(ctx context.Context) error {
	before, err := d.counters(ctx)
	if err != nil {
		return err
	}
	var r v2Request
	for reply := (v2Reply{}); reply.event == nil; {
		// Many paths cannot be written to: what is there, or above, is of the other kind.
		r = d.gen.expiring()
		if reply, err = d.both(ctx, r); err != nil {
			return err
		}
	}
	if r.is("dir") {
		if _, err := d.both(ctx, v2Request{method: "PUT", path: strings.TrimSuffix(r.path, "/") + "/below"}); err != nil {
			return err
		}
	}
	for i, s := range d.sides {
		err := await(ctx, settleTimeout, func() error {
			now, err := s.counters(ctx)
			if err == nil && now["expireCount"] != before[i]["expireCount"]+1 {
				err = fmt.Errorf("%v: on %s the key does not expire", r, s.name)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	d.expired++
	_, err = d.both(ctx, v2Request{method: "GET", path: r.path})
	return err
}

// reset empties both trees and counts indexes from now on.
func (d *v2Differential) reset(ctx context.Context) error {
	d.closeWatches()
	for _, s := range d.sides {
		s.base = 0
		all := s.do(ctx, v2Request{method: "GET", path: "/"})
		if all.event == nil || all.event.Node == nil {
			return fmt.Errorf("%s answers a request for the root with %s", s.name, all.text)
		}
		gone := []string{"/_h", "/_", "/%ff"} // those a listing leaves out or cannot name
		for _, n := range all.event.Node.Nodes {
			gone = append(gone, "/"+url.PathEscape(strings.TrimPrefix(n.Key, "/")))
		}
		for _, path := range gone {
			s.do(ctx, v2Request{method: "DELETE", path: path, query: []v2Param{{name: "recursive", value: "true"}}})
		}
		s.do(ctx, v2Request{method: "PUT", path: "/begin"})
		last := s.do(ctx, v2Request{method: "DELETE", path: "/begin"})
		if last.event == nil {
			return fmt.Errorf("%s cannot be emptied: %s", s.name, last.text)
		}
		s.base = last.index
	}
	return nil
}

// closeWatches ends all waiting requests.
func (d *v2Differential) closeWatches() {
	for _, w := range d.watches {
		w.close()
	}
	d.watches = nil
}

// context is the report's second part: the shortest list of requests found that shows a difference again, or the last ones
// that had to do with the one at fault.
func (d *v2Differential) context(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return ""
	}
	var diff *v2Difference
	if errors.As(err, &diff) {
		if short := d.shrink(ctx, diff.request); short != nil {
			return "on empty trees these requests show it:\n" + listing(short)
		}
	}
	related := d.log
	if diff != nil {
		related = relatedTo(d.log, diff.request)
	}
	return "the last requests before it:\n" + listing(related[max(0, len(related)-15):])
}

// listing writes a request a line.
func listing(requests []v2Request) string {
	text := ""
	for _, r := range requests {
		text += "  " + r.String() + "\n"
	}
	return text
}
