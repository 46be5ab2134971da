package workload

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// deliveries measures how long events take from the write that causes them.
type deliveries struct {
	sinceStart  *measure.Latencies
	sinceAnswer *measure.Latencies
	pending     sync.Map // write number -> *watchedWrite
	broken      atomic.Pointer[error]
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
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrived accounts for one event of write n.
func (d *deliveries) arrived(n uint64, start, answer measure.Recorder) {
	v, ok := d.pending.Load(n)
	if !ok {
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
	if w.missing.Add(-1) == 0 {
		close(w.done)
	}
}

// fail tells the clients that a stream of events ended: every later write would be left without its events.
func (d *deliveries) fail(ctx context.Context, err error) {
	if ctx.Err() == nil {
		d.broken.CompareAndSwap(nil, &err)
	}
}

// Details implements Detailed.
func (d *deliveries) Details() map[string]measure.Percentiles {
	return map[string]measure.Percentiles{
		"event_since_put_start":  d.sinceStart.Percentiles(),
		"event_since_put_answer": d.sinceAnswer.Percentiles(),
	}
}
