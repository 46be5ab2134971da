package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestExpectations(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(x *Expectations)
		open    bool
	}{
		"nothing":             {func(*Expectations) {}, false},
		"a creation":          {func(x *Expectations) { x.ExpectCreations("k", 1) }, true},
		"another's creation":  {func(x *Expectations) { x.ExpectCreations("k", 1); x.Created("j") }, true},
		"one of two is shown": {func(x *Expectations) { x.ExpectCreations("k", 2); x.Created("k") }, true},
		"both are shown":      {func(x *Expectations) { x.ExpectCreations("k", 2); x.Created("k"); x.Created("k") }, false},
		"more are shown than were expected": {func(x *Expectations) {
			x.ExpectCreations("k", 1)
			x.Created("k")
			x.Created("k")
		}, false},
		"one was shown that nobody expected": {func(x *Expectations) { x.Created("k"); x.ExpectCreations("k", 1) }, true},
		"a deletion":                         {func(x *Expectations) { x.ExpectDeletion("k", "a") }, true},
		"a deletion is shown":                {func(x *Expectations) { x.ExpectDeletion("k", "a"); x.Deleted("k", "a") }, false},
		"it is shown twice": {func(x *Expectations) {
			x.ExpectDeletion("k", "a")
			x.ExpectDeletion("k", "b")
			x.Deleted("k", "a")
			x.Deleted("k", "a")
		}, true},
		"another's is shown":        {func(x *Expectations) { x.ExpectDeletion("k", "a"); x.Deleted("k", "b") }, true},
		"a deletion is no creation": {func(x *Expectations) { x.ExpectDeletion("k", "a"); x.Created("k") }, true},
		"the owner is gone":         {func(x *Expectations) { x.ExpectCreations("k", 1); x.Forget("k") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := NewExpectations(clocktesting.NewFakePassiveClock(time.Unix(1, 0)), NewLoop("test", 1, nil))
			c.happens(x)
			require.Equal(t, c.open, !x.Satisfied("k"))
		})
	}
}

// An expectation that does not come true wakes its owner when it is given up, though nothing else happens.
func TestExpectationsAreGivenUp(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1, 0))
	loop := NewLoop("test", 1, nil)
	loop.queue = workqueue.NewTypedRateLimitingQueueWithConfig(newLimiter(), workqueue.TypedRateLimitingQueueConfig[string]{Clock: clock})
	defer loop.queue.ShutDown()
	x := NewExpectations(clock, loop)
	// waits holds until the queue's goroutine has taken a key in: it has a timer then, beside the ticker that it always has.
	waits := func() {
		t.Helper()
		require.Eventually(t, func() bool { return clock.Waiters() >= 2 }, 10*time.Second, time.Millisecond)
	}
	woken := func(after time.Duration) {
		t.Helper()
		waits()
		clock.Step(after)
		require.Eventually(t, func() bool { return loop.Len() == 1 }, 10*time.Second, time.Millisecond)
		key, _ := loop.queue.Get()
		require.Equal(t, "k", key)
		loop.queue.Done(key)
	}
	x.ExpectCreations("k", 1)
	waits()
	clock.Step(time.Minute)
	x.of["k"].since = clock.Now() // as after another expectation, whose later time the queue has dropped for the earlier one
	woken(expectationsTTL - time.Minute)
	require.False(t, x.Satisfied("k"))
	woken(time.Minute)
	require.True(t, x.Satisfied("k"))
}
