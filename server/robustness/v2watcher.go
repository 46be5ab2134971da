package robustness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// v2Watcher follows an epoch's keys by waitIndex, each time from the index after the last it saw, on any member.
type v2Watcher struct {
	api     *v2API
	rng     *rand.Rand
	prefix  string
	streams bool // also long answers, which etcd ends after one event of the past without saying so

	mu      sync.Mutex
	session Session
	last    int64
	errs    []error
}

// newV2Watcher makes one that knows nothing after an index.
func newV2Watcher(i int, api *v2API, prefix string, after int64, seed uint64, streams bool) *v2Watcher {
	return &v2Watcher{api: api, rng: rand.New(rand.NewPCG(seed, uint64(2000+i))), prefix: prefix, streams: streams, last: after,
		session: Session{Start: after + 1, From: prefix, To: endOf(prefix), PrevKV: true, Endpoint: fmt.Sprintf("API 2's watcher %d", i)}}
}

// run watches until ctx ends.
func (w *v2Watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.watch(ctx); err != nil && !wait(ctx, retryPause) {
			return
		}
	}
}

// Last is the index of the newest event.
func (w *v2Watcher) Last() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// watch asks a member once.
func (w *v2Watcher) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchLife+time.Duration(w.rng.Int64N(int64(watchLife))))
	defer cancel()
	member := w.rng.IntN(len(w.api.endpoints))
	params := url.Values{"wait": {"true"}, "recursive": {"true"}, "waitIndex": {strconv.FormatInt(w.Last()+1, 10)}}
	if w.streams && w.rng.IntN(2) == 0 {
		params.Set("stream", "true")
		return w.stream(ctx, member, params)
	}
	r, err := w.api.do(ctx, member, http.MethodGet, w.prefix, params)
	if err != nil {
		return err
	}
	return w.record(r)
}

// stream takes events until the answer ends.
func (w *v2Watcher) stream(ctx context.Context, member int, params url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.api.endpoints[member]+"/v2/keys/"+w.prefix+"?"+params.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := w.api.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("robustness: API 2: %s", resp.Status)
	}
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		r := &v2Reply{raw: line}
		if err := json.Unmarshal(line, r); err != nil {
			return err
		}
		if err := w.record(r); err != nil {
			return err
		}
	}
}

// record keeps an event. A history that is gone is a fault: an epoch is shorter than what members keep.
func (w *v2Watcher) record(r *v2Reply) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.ErrorCode != 0 || r.Node == nil {
		err := fmt.Errorf("%w: from index %d: %s", ErrWatch, w.last+1, r.raw)
		if len(w.errs) < watchErrorsMax {
			w.errs = append(w.errs, err)
		}
		return err
	}
	e := r.event()
	w.session.Responses = append(w.session.Responses, Response{Events: []Event{e}})
	w.last = max(w.last, e.Revision)
	return nil
}

// readV2History fetches every change below a prefix after start, up to the one at end, from one member.
func readV2History(ctx context.Context, api *v2API, member int, prefix string, start, end int64) ([]Event, error) {
	ctx, cancel := context.WithTimeout(ctx, convergeTimeout)
	defer cancel()
	var events []Event
	for last := start; last < end; {
		r, err := api.do(ctx, member, http.MethodGet, prefix, url.Values{"wait": {"true"}, "recursive": {"true"}, "waitIndex": {strconv.FormatInt(last+1, 10)}})
		if err == nil && (r.ErrorCode != 0 || r.Node == nil || r.Node.ModifiedIndex <= last) {
			err = fmt.Errorf("%s", r.raw)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: API 2: read from index %d to %d: got to %d: %w", ErrHistory, start, end, last, err)
		}
		events = append(events, r.event())
		last = r.Node.ModifiedIndex
	}
	return events, nil
}
