package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// clientFunc makes a function a Client.
type clientFunc func(ctx context.Context, n uint64) error

func (f clientFunc) Do(ctx context.Context, n uint64) error { return f(ctx, n) }

// same returns count clients that all run f.
func same(count int, f clientFunc) []Client {
	clients := make([]Client, count)
	for i := range clients {
		clients[i] = f
	}
	return clients
}

// TestEveryOperationRunsOnce holds invariant I1.
func TestEveryOperationRunsOnce(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[uint64]int)
	res := Run(t.Context(), same(7, func(_ context.Context, n uint64) error {
		mu.Lock()
		defer mu.Unlock()
		seen[n]++
		return nil
	}), Load{First: 100, Ops: 5_000})
	require.EqualValues(t, 5_000, res.Done)
	require.EqualValues(t, 5_000, res.Latencies.Count)
	require.Len(t, seen, 5_000)
	require.Contains(t, seen, uint64(100))
	require.Contains(t, seen, uint64(5_099))
}

// TestClosedLoopEndsAfterDuration runs on a virtual clock: 3 clients, 10 ms each, 1 s.
func TestClosedLoopEndsAfterDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := Run(t.Context(), same(3, sleepFor(10*time.Millisecond)), Load{Duration: time.Second})
		require.EqualValues(t, 300, res.Done)
		require.Equal(t, time.Second, res.Elapsed)
		require.InEpsilon(t, float64(10*time.Millisecond), float64(res.Latencies.Max), .002)
	})
}

// TestOpenLoopCountsFromIntendedStart holds invariant I2: one client, 100 operations a second, and a
// server that stalls for 500 ms once. A closed loop would show a single slow operation.
func TestOpenLoopCountsFromIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := Run(t.Context(), same(1, func(_ context.Context, n uint64) error {
			if n == 100 {
				time.Sleep(500 * time.Millisecond)
			}
			return nil
		}), Load{Rate: 100, Duration: 2 * time.Second})
		require.EqualValues(t, 200, res.Done)
		require.InDelta(t, 500*time.Millisecond, res.Latencies.Max, float64(time.Millisecond))
		// 50 operations were due in the stall, the n-th of them waiting 500-10n ms: a quarter of all
		// 200 saw latency, so the 90th percentile lies inside the stall.
		require.InDelta(t, 300*time.Millisecond, res.Latencies.P90, float64(20*time.Millisecond))
		require.Zero(t, res.Latencies.P50)
	})
}

// TestOpenLoopKeepsItsRate sends no more than asked, however fast the server.
func TestOpenLoopKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := Run(t.Context(), same(50, sleepFor(time.Millisecond)), Load{Rate: 1000, Ops: 3000})
		require.EqualValues(t, 3000, res.Done)
		require.InDelta(t, 3*time.Second, res.Elapsed, float64(5*time.Millisecond))
		require.InEpsilon(t, float64(time.Millisecond), float64(res.Latencies.Max), .002)
	})
}

// TestStopEndsTheRun: operations begun end, no other starts; in an open loop, too, whose next is due later.
func TestStopEndsTheRun(t *testing.T) {
	for _, c := range []struct {
		rate float64
		done uint64
		end  time.Duration
	}{{0, 8, 1200 * time.Millisecond}, {5, 6, 1300 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			time.AfterFunc(1050*time.Millisecond, func() { close(stop) })
			res := Run(t.Context(), same(2, sleepFor(300*time.Millisecond)), Load{Stop: stop, Rate: c.rate})
			require.Equal(t, c.done, res.Done)
			require.Equal(t, c.end, res.Elapsed)
		})
	}
}

// TestSecondsCountFromIntendedStart holds invariant I3: a stall shows where operations were due.
func TestSecondsCountFromIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := Run(t.Context(), same(1, func(_ context.Context, n uint64) error {
			if n == 100 {
				time.Sleep(1500 * time.Millisecond)
			}
			return nil
		}), Load{Rate: 100, Duration: 4 * time.Second})
		require.Len(t, res.Seconds, 4)
		for _, s := range res.Seconds {
			require.EqualValues(t, 100, s.Count)
		}
		require.Zero(t, res.Seconds[0].Max)
		require.InEpsilon(t, float64(1500*time.Millisecond), float64(res.Seconds[1].Max), .07)
		require.InEpsilon(t, float64(500*time.Millisecond), float64(res.Seconds[2].Max), .07)
		require.Zero(t, res.Seconds[3].Max)
	})
}

// TestErrorTextsAreBounded: a server that puts something new into each error fills no memory.
func TestErrorTextsAreBounded(t *testing.T) {
	res := Run(t.Context(), same(1, func(_ context.Context, n uint64) error { return fmt.Errorf("no %d", n) }), Load{Ops: 500})
	require.Len(t, res.Errors, errorTexts+1)
	require.EqualValues(t, 500-errorTexts, res.Errors["others"])
}

// TestErrorsAreCountedApart holds invariant I4.
func TestErrorsAreCountedApart(t *testing.T) {
	full := errors.New("no space")
	res := Run(t.Context(), same(4, func(_ context.Context, n uint64) error {
		if n%4 == 0 {
			return full
		}
		return nil
	}), Load{Ops: 400})
	require.EqualValues(t, 300, res.Done)
	require.EqualValues(t, 300, res.Latencies.Count)
	require.Equal(t, map[string]int64{"no space": 100}, res.Errors)
}

// TestCancelledRunReportsNoErrors: what the end of the run interrupts did not fail.
func TestCancelledRunReportsNoErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		res := Run(ctx, same(2, func(ctx context.Context, _ uint64) error {
			<-ctx.Done()
			return ctx.Err()
		}), Load{Rate: 10, Duration: time.Hour})
		require.Zero(t, res.Done)
		require.Empty(t, res.Errors)
		require.Equal(t, time.Second, res.Elapsed)
	})
}

// sleepFor is an operation of constant length.
func sleepFor(d time.Duration) clientFunc {
	return func(context.Context, uint64) error {
		time.Sleep(d)
		return nil
	}
}
