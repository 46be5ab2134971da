package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
)

// expectationsTTL is when an expectation that did not come true is given up: the object may have come and gone unseen.
const expectationsTTL = 5 * time.Minute

// Expectations remember, by key of the owner, which creations and deletions the informer has yet to show. While there are any
// a controller must not decide from its cache how many more it needs.
type Expectations struct {
	clock clock.PassiveClock
	loop  *Loop

	mu sync.Mutex
	of map[string]*expected
}

type expected struct {
	creations int
	deletions sets.Set[types.UID]
	since     time.Time
}

// NewExpectations returns none. loop is that of the owners: one whose expectation is given up is queued there, for nothing else may
// ever happen to it.
func NewExpectations(c clock.PassiveClock, loop *Loop) *Expectations {
	return &Expectations{clock: c, loop: loop, of: map[string]*expected{}}
}

// Satisfied tells that all came true, or that it has been too long. A sync asks before it reads the cache: what is shown in between
// would be missing from what it has read.
func (x *Expectations) Satisfied(key string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.of[key]
	if !ok {
		return true
	}
	left := expectationsTTL - x.clock.Since(e.since)
	if e.empty() || left <= 0 {
		delete(x.of, key)
		return true
	}
	x.loop.AddAfter(key, left) // what was expected first may have set an earlier time
	return false
}

func (e *expected) empty() bool { return e.creations <= 0 && len(e.deletions) == 0 }

// ExpectCreations is called before n objects are created.
func (x *Expectations) ExpectCreations(key string, n int) {
	x.change(key, func(e *expected) { e.creations += n })
}

// ExpectDeletion is called before an object is deleted.
func (x *Expectations) ExpectDeletion(key string, uid types.UID) {
	x.change(key, func(e *expected) { e.deletions.Insert(uid) })
}

// Created is called when an object was seen that was created, or when creating it failed.
func (x *Expectations) Created(key string) {
	x.seen(key, func(e *expected) { e.creations-- })
}

// Deleted is called when an object was seen to go, or to be about to, or when deleting it failed.
func (x *Expectations) Deleted(key string, uid types.UID) {
	x.seen(key, func(e *expected) { e.deletions.Delete(uid) })
}

// Forget is called when the owner is gone.
func (x *Expectations) Forget(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.of, key)
}

func (x *Expectations) change(key string, f func(*expected)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.of[key]
	if !ok {
		e = &expected{deletions: sets.New[types.UID]()}
		x.of[key] = e
	}
	e.since = x.clock.Now()
	f(e)
	x.loop.AddAfter(key, expectationsTTL)
}

func (x *Expectations) seen(key string, f func(*expected)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, ok := x.of[key]; ok {
		f(e)
	}
}
