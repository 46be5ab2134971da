package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// eventsTimeout is how long a write waits for its events before they count as lost.
const eventsTimeout = time.Minute

// deliveries measures how long events take from the write that causes them, and counts them: each write waits for exactly its own.
type deliveries struct {
	sinceStart  *measure.Latencies
	sinceAnswer *measure.Latencies
	pending     sync.Map // write number -> *watchedWrite
	broken      atomic.Pointer[error]
	surplus     atomic.Int64 // events that no write waited for
}

// watchedWrite is a write whose events are on their way.
type watchedWrite struct {
	started  time.Time
	answered atomic.Int64 // nanoseconds after started; 0 = not answered yet
	missing  atomic.Int64 // events
	done     chan struct{}
}

// begin forgets what was measured before.
func (d *deliveries) begin() {
	d.sinceStart, d.sinceAnswer = measure.NewLatencies(), measure.NewLatencies()
	d.surplus.Store(0)
}

// write makes write n and waits until so many events of it have come.
func (d *deliveries) write(ctx context.Context, n uint64, events int, do func() error) error {
	if err := d.broken.Load(); err != nil {
		return errors.Join(ErrAnswer, *err)
	}
	w := &watchedWrite{started: time.Now(), done: make(chan struct{})}
	w.missing.Store(int64(events))
	d.pending.Store(n, w)
	defer d.pending.Delete(n)
	if err := do(); err != nil {
		return err
	}
	w.answered.Store(int64(time.Since(w.started)))
	late := time.NewTimer(eventsTimeout)
	defer late.Stop()
	select {
	case <-w.done:
		return nil
	case <-late.C:
		return fmt.Errorf("%w: %d of %d events did not come within %v", ErrAnswer, w.missing.Load(), events, eventsTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrived accounts for one event of write n.
func (d *deliveries) arrived(n uint64, start, answer measure.Recorder) {
	v, ok := d.pending.Load(n)
	if !ok {
		d.surplus.Add(1)
		return
	}
	w := v.(*watchedWrite)
	took := time.Since(w.started)
	start.Record(took)
	// An event that overtakes the answer is as late as can be measured: not at all.
	if answered := w.answered.Load(); answered > 0 {
		answer.Record(took - time.Duration(answered))
	} else {
		answer.Record(0)
	}
	switch missing := w.missing.Add(-1); {
	case missing == 0:
		close(w.done)
	case missing < 0:
		d.surplus.Add(1)
	}
}

// fail tells the clients that a stream of events ended: every later write would be left without its events.
func (d *deliveries) fail(ctx context.Context, err error) {
	if ctx.Err() == nil {
		d.broken.CompareAndSwap(nil, &err)
	}
}

// Surplus implements Watching.
func (d *deliveries) Surplus() int64 { return d.surplus.Load() }

// Details implements Watching.
func (d *deliveries) Details() map[string]measure.Percentiles {
	return map[string]measure.Percentiles{
		"event since its put began":        d.sinceStart.Percentiles(),
		"event since its put was answered": d.sinceAnswer.Percentiles(),
	}
}
