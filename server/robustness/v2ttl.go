package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// v2TTLKeysMax is how many keys with a time to live an epoch sees at most: each costs two of the history's events.
	v2TTLKeysMax = 40
	// v2LateMax is how long after its time a key may still be there, in a cluster that has recovered.
	v2LateMax = 10 * time.Second
)

// mortal is a key with a time to live that a member acknowledged.
type mortal struct {
	key        string
	expiration time.Time // by the clock of who proposed it; all members have this machine's
}

// mortals sets keys with a time to live and watches them end. It belongs to one goroutine.
type mortals struct {
	api    *v2API
	rng    *rand.Rand
	prefix string // of the keys, within the epoch's
	began  time.Time

	ops   []Operation // the writes, for the history
	known []mortal
	errs  []error
}

// run sets keys one after another until ctx ends, and looks whether they are there while they must be.
func (m *mortals) run(ctx context.Context) {
	for i := 0; i < v2TTLKeysMax && ctx.Err() == nil; i++ {
		key := fmt.Sprintf("%s%03d", m.prefix, i)
		if alive, ok := m.set(key); ok {
			m.known = append(m.known, alive)
			m.look(ctx, alive)
		}
		if !wait(ctx, retryPause) {
			return
		}
	}
}

// set writes a key; false when it is not known whether it did.
func (m *mortals) set(key string) (mortal, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	op := Operation{Kind: Put, Key: key, Value: key, Call: time.Since(m.began)}
	r, err := m.api.do(ctx, m.rng.IntN(len(m.api.endpoints)), http.MethodPut, key,
		url.Values{"value": {key}, "ttl": {strconv.Itoa(1 + m.rng.IntN(2))}})
	if err == nil {
		op.Answer, err = v2Answer(op, r)
	}
	op.Return, op.Known = time.Since(m.began), err == nil
	m.ops = append(m.ops, op)
	if err != nil {
		return mortal{}, false
	}
	if r.Node.Expiration == nil {
		m.errs = append(m.errs, fmt.Errorf("%w: no expiration in %s", ErrHistory, r.raw))
		return mortal{}, false
	}
	return mortal{key: key, expiration: *r.Node.Expiration}, true
}

// look reads the key now and then for half a second: an answer that came before the expiration must have it.
func (m *mortals) look(ctx context.Context, alive mortal) {
	for range 5 {
		asking, cancel := context.WithTimeout(context.Background(), operationTimeout)
		r, err := m.api.do(asking, m.rng.IntN(len(m.api.endpoints)), http.MethodGet, alive.key, url.Values{"quorum": {"true"}})
		cancel()
		if now := time.Now(); err == nil && r.ErrorCode == v2KeyNotFound && now.Before(alive.expiration) {
			m.errs = append(m.errs, fmt.Errorf("%w: %s is gone %v before its expiration: %s", ErrHistory, alive.key, alive.expiration.Sub(now), r.raw))
		}
		if !wait(ctx, randomUpTo(m.rng, 200*time.Millisecond)) {
			return
		}
	}
}

// awaitEnd waits until no key is left.
func (m *mortals) awaitEnd(ctx context.Context) error {
	latest := time.Now()
	for _, k := range m.known {
		if k.expiration.After(latest) {
			latest = k.expiration
		}
	}
	// A write without an answer may have come a moment ago.
	ctx, cancel := context.WithDeadline(ctx, latest.Add(operationTimeout+v2LateMax))
	defer cancel()
	for {
		r, err := m.api.do(ctx, 0, http.MethodGet, m.prefix[:len(m.prefix)-1], url.Values{"quorum": {"true"}})
		if err == nil && (r.ErrorCode == v2KeyNotFound || r.Node != nil && len(r.Node.Nodes) == 0) {
			return nil
		}
		if !wait(ctx, 50*time.Millisecond) {
			if err == nil {
				return fmt.Errorf("%w: keys outlive their time: %s", ErrHistory, r.raw)
			}
			return fmt.Errorf("%w: API 2: read keys with a time to live: %w", ErrUnhealthy, err)
		}
	}
}

// checkExpiries compares the ends that the history tells with what was promised: only such keys end so, none twice, and each
// that was acknowledged did.
func (m *mortals) checkExpiries(events []Event) error {
	ended := make(map[string]int)
	for _, e := range events {
		if e.Expired {
			ended[e.Key]++
		}
	}
	set := make(map[string]bool)
	for _, op := range m.ops {
		set[op.Key] = true
	}
	for key, n := range ended {
		if !set[key] || n > 1 {
			return fmt.Errorf("%w: %s expires %d times", ErrHistory, key, n)
		}
	}
	for _, k := range m.known {
		if ended[k.key] == 0 {
			return fmt.Errorf("%w: %s ends without an event", ErrHistory, k.key)
		}
	}
	return nil
}
