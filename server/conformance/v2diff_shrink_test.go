package conformance

import (
	"context"
	"time"
)

const (
	// shrinkTimeout bounds the search for a short list of requests, where a difference is not expected.
	shrinkTimeout = 20 * time.Second
	// shrinkFrom is how many requests before the difference are tried at most.
	shrinkFrom = 400
)

// shrink looks for a short list of requests after which, on empty trees, the last one is answered differently; nil when the
// difference does not show again. Indexes in requests stay what they were, so a list that needs one may not be found.
func (d *v2Differential) shrink(ctx context.Context, last v2Request) []v2Request {
	ctx, cancel := context.WithTimeout(ctx, d.search)
	defer cancel()
	before := d.log[:len(d.log)-1]
	for _, candidates := range [][]v2Request{nil, relatedTo(before, last), before} {
		candidates = candidates[max(0, len(candidates)-shrinkFrom):]
		if d.shows(ctx, candidates, last) {
			return append(d.reduce(ctx, candidates, last), last)
		}
	}
	return nil
}

// reduce leaves out as many requests as it can: halves, then quarters, down to single ones.
func (d *v2Differential) reduce(ctx context.Context, requests []v2Request, last v2Request) []v2Request {
	for size := (len(requests) + 1) / 2; size > 0 && ctx.Err() == nil; {
		removed := false
		for from := 0; from < len(requests) && ctx.Err() == nil; {
			to := min(from+size, len(requests))
			rest := append(append([]v2Request(nil), requests[:from]...), requests[to:]...)
			if d.shows(ctx, rest, last) {
				requests, removed = rest, true
			} else {
				from = to
			}
		}
		switch {
		case size > 1:
			size = (size + 1) / 2
		case !removed:
			size = 0
		}
	}
	return requests
}

// shows sends requests to emptied trees and tells whether the last is answered differently.
func (d *v2Differential) shows(ctx context.Context, requests []v2Request, last v2Request) bool {
	if d.reset(ctx) != nil {
		return false
	}
	for _, r := range append(append([]v2Request(nil), requests...), last) {
		a, b := d.sides[0].do(ctx, r), d.sides[1].do(ctx, r)
		if ctx.Err() != nil {
			return false
		}
		if a.text != b.text {
			return true
		}
	}
	return false
}

// relatedTo selects the requests to the same key, or to one above or below it.
func relatedTo(requests []v2Request, r v2Request) []v2Request {
	var related []v2Request
	for _, other := range requests {
		if other.touches(r) {
			related = append(related, other)
		}
	}
	return related
}
