package replica

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitersGetTheirOwnAnswer(t *testing.T) {
	var ws waiters
	a := &waiter{id: 5, ch: make(chan answer, 1)}
	b := &waiter{id: 5 + slotCount, ch: make(chan answer, 1)}
	require.True(t, ws.register(a))
	require.False(t, ws.register(b), "the slot is taken")
	require.False(t, ws.waiting(b.id))
	ws.answer(b.id, answer{err: ErrTimeout})
	require.Empty(t, a.ch, "an answer to another id")
	ws.answer(a.id, answer{err: ErrStopped})
	require.Equal(t, ErrStopped, (<-a.ch).err)
	require.True(t, ws.register(b))
	ws.drop(a)
	require.True(t, ws.waiting(b.id), "who was answered drops nobody else")
	ws.drop(b)
	require.False(t, ws.waiting(b.id))
}

func TestSweepEndsWhoseTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ws waiters
		stopped := make(chan struct{})
		go ws.sweep(stopped)
		wait := func(id uint64, d time.Duration) *waiter {
			w := &waiter{id: id, ch: make(chan answer, 1), until: time.Now().Add(d)}
			require.True(t, ws.register(w))
			return w
		}
		short, long := wait(5, time.Second), wait(6, time.Hour)
		start := time.Now()
		require.ErrorIs(t, (<-short.ch).err, context.DeadlineExceeded)
		require.GreaterOrEqual(t, time.Since(start), time.Second)
		require.LessOrEqual(t, time.Since(start), time.Second+sweepEvery)
		require.False(t, short.Gone(), "until he knows of it")
		require.Empty(t, long.ch)
		close(stopped)
		require.ErrorIs(t, (<-long.ch).err, ErrStopped)
		require.False(t, ws.waiting(5) || ws.waiting(6))
	})
}

func TestIDsDiffer(t *testing.T) {
	now := time.Unix(1700000000, 0)
	a, b := newIDs(0x1234567890abcdef, now), newIDs(0x1234567890abcd00, now)
	seen := map[uint64]bool{}
	for range 1000 {
		for _, g := range []*ids{a, b} {
			id := g.next()
			require.NotZero(t, id)
			require.False(t, seen[id])
			seen[id] = true
		}
	}
	later := newIDs(0x1234567890abcdef, now.Add(10*time.Millisecond))
	require.False(t, seen[later.next()], "a restart begins beyond")
}

func TestAppliedIndexWakesEverybody(t *testing.T) {
	stopped := make(chan struct{})
	a := &appliedIndex{stopped: stopped, waits: map[uint64]*appliedWait{}}
	var all sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 100 {
		all.Go(func() { errs <- a.wait(t.Context(), uint64(i/10+1)) })
	}
	for i := range 10 {
		a.advance(uint64(i + 1))
	}
	all.Wait()
	for range 100 {
		require.NoError(t, <-errs)
	}
	require.Empty(t, a.waits)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, a.wait(ctx, 11), context.Canceled)
	require.Empty(t, a.waits, "who gives up leaves nothing behind")
	close(stopped)
	require.ErrorIs(t, a.wait(t.Context(), 11), ErrStopped)
}

func BenchmarkWaiters(b *testing.B) {
	ws, g := &waiters{}, newIDs(1, time.Now())
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := &waiter{id: g.next(), ch: make(chan answer, 1)}
			ws.register(w)
			ws.answer(w.id, answer{})
			<-w.ch
		}
	})
}
