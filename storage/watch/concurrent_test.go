package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// waitMax and tick bound the waits for a condition.
const (
	waitMax = 10 * time.Second
	tick    = time.Millisecond
)

// TestConcurrent publishes while many groups read, come and go, some of them
// slower than the ring lasts. Every watch must get every revision that
// concerns it, once, in order, in one piece.
func TestConcurrent(t *testing.T) {
	const revisions, groups = 400, 12
	f := newFakeHistory()
	f.write("a")
	h := f.hub(16)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	last := int64(revisions + 2)

	read := func(i int) error {
		g := h.NewGroup()
		defer g.Close()
		// Watch 0 sees every revision, watch 1 those of key c, which is in every
		// third revision together with a.
		start := int64(i % 3)
		now, err := g.Watch(0, []byte("a"), []byte("d"), start, Options{PrevKV: i%2 == 0})
		if err != nil {
			return err
		}
		if _, err := g.Watch(1, []byte("c"), nil, 2, Options{}); err != nil {
			return err
		}
		if start == 0 {
			start = now + 1
		}
		next := [2]int64{max(start, 2), 3}
		for next[0] <= last || next[1] <= last {
			d, err := g.Next(ctx)
			if err != nil {
				return err
			}
			if d.CompactRevision != 0 {
				return fmt.Errorf("watch %d compacted at %d", d.ID, d.CompactRevision)
			}
			for k := 0; k < len(d.Events); {
				r := d.Events[k].Kv.ModRevision
				if r != next[d.ID] {
					return fmt.Errorf("watch %d got revision %d, want %d", d.ID, r, next[d.ID])
				}
				n := 1
				if r%3 == 0 && d.ID == 0 {
					n = 2
				}
				for _, ev := range d.Events[k:min(k+n, len(d.Events))] {
					if ev.Kv.ModRevision != r {
						return fmt.Errorf("watch %d got a part of revision %d", d.ID, r)
					}
				}
				k += n
				if d.ID == 0 {
					next[0]++
				} else {
					next[1] += 3
				}
			}
		}
		return nil
	}
	var wg sync.WaitGroup
	errs := make(chan error, groups+1)
	for i := range groups {
		wg.Go(func() { errs <- read(i) })
	}
	wg.Go(func() { // comes and goes
		for ctx.Err() == nil {
			g := h.NewGroup()
			for id := range int64(20) {
				_, err := g.Watch(id, []byte("a"), []byte{byte('b' + id%3)}, id%4, Options{})
				if err != nil {
					errs <- err
					return
				}
			}
			_, _ = g.Next(ctx)
			g.RequestProgress(AllWatches)
			g.Cancel(3)
			g.Close()
			if _, err := g.Next(ctx); !errors.Is(err, ErrClosed) && ctx.Err() == nil {
				errs <- fmt.Errorf("Next of a closed group: %w", err)
				return
			}
		}
	})
	for r := int64(3); r <= last; r++ {
		keys := []string{"a"}
		if r%3 == 0 {
			keys = append(keys, "c")
		}
		rev, ok := f.write(keys...)
		require.True(t, ok)
		h.Publish([]Revision{rev})
	}
	for range groups {
		require.NoError(t, <-errs)
	}
	cancel()
	wg.Wait()
	require.Empty(t, errs)
	require.Positive(t, f.reads, "nobody was slow")
	h.Close()
	_, err := h.NewGroup().Next(t.Context())
	require.ErrorIs(t, err, ErrClosed)
}

// TestNextWaits shows that Next sleeps until there is something, and wakes for
// an event, for progress, for its context and for Close.
func TestNextWaits(t *testing.T) {
	f := newFakeHistory()
	f.write("a")
	h := f.hub(16)
	g := h.NewGroup()
	_, err := g.Watch(7, []byte("a"), nil, 0, Options{})
	require.NoError(t, err)
	type result struct {
		d   *Delivery
		err error
	}
	next := func(ctx context.Context) chan result {
		c := make(chan result)
		go func() {
			d, err := g.Next(ctx)
			c <- result{d, err}
		}()
		return c
	}
	c := next(t.Context())
	publish := func(key string) {
		r, ok := f.write(key)
		require.True(t, ok)
		h.Publish([]Revision{r})
	}
	publish("b")
	select {
	case <-c:
		t.Fatal("woken for another key")
	default:
	}
	publish("a")
	got := <-c
	require.NoError(t, got.err)
	require.Equal(t, &Delivery{ID: 7, Events: got.d.Events, Revision: 4}, got.d)
	require.Len(t, got.d.Events, 1)
	require.Equal(t, mvccpb.Event_PUT, got.d.Events[0].Type)

	_, synced := g.ProgressAll()
	require.False(t, synced, "the delivery is not handled before the next call of Next")
	c = next(t.Context())
	require.Eventually(t, func() bool { _, synced := g.ProgressAll(); return synced }, waitMax, tick)
	g.RequestProgress(7)
	got = <-c
	require.NoError(t, got.err)
	require.Equal(t, &Delivery{ID: 7, Revision: 4}, got.d)
	c = next(t.Context())
	g.RequestProgress(AllWatches)
	got = <-c
	require.Equal(t, &Delivery{ID: AllWatches, Revision: 4}, got.d)

	ctx, cancel := context.WithCancel(t.Context())
	c = next(ctx)
	cancel()
	require.ErrorIs(t, (<-c).err, context.Canceled)
	c = next(t.Context())
	g.Close()
	require.ErrorIs(t, (<-c).err, ErrClosed)
}

// TestFutureStart shows that a watch from a future revision is given nothing
// older and has no progress before, as in etcd.
func TestFutureStart(t *testing.T) {
	f := newFakeHistory()
	f.write("a")
	h := f.hub(2)
	g := h.NewGroup()
	_, err := g.Watch(1, []byte("a"), nil, 5, Options{})
	require.NoError(t, err)
	g.RequestProgress(AllWatches)
	require.Empty(t, g.drain(t))
	for range 2 {
		r, _ := f.write("a")
		h.Publish([]Revision{r})
	}
	require.Empty(t, g.drain(t))
	_, synced := g.Progress(1)
	require.False(t, synced)
	// A snapshot jumps over the start revision: history has the rest.
	for range 3 {
		f.write("a")
	}
	h.Reset(f.current())
	var got []int64
	for _, d := range g.drain(t) {
		for _, ev := range d.Events {
			got = append(got, ev.Kv.ModRevision)
		}
	}
	require.Equal(t, []int64{5, 6, 7}, got)
	revision, synced := g.Progress(1)
	require.True(t, synced)
	require.Equal(t, int64(7), revision)
}
