package driver

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/petcd/petcd/bench/measure"
)

// Client performs operations one at a time. n numbers the operations of the whole run, so what an
// operation does can depend on n alone and not on which client happens to run it.
type Client interface {
	Do(ctx context.Context, n uint64) error
}

// Load says how much and how fast. At least one of Ops, Duration and Stop must be set; the first
// reached ends the run.
type Load struct {
	First    uint64          // number of the first operation
	Ops      uint64          // operations in all; 0 = no limit
	Duration time.Duration   // time in which operations may start; 0 = no limit
	Stop     <-chan struct{} // once it is closed, no operation starts; nil = never
	Rate     float64         // operations per second of an open loop; 0 = closed loop
}

// Result of one run.
type Result struct {
	Latencies measure.Percentiles
	Seconds   []measure.Second // the same by the second from which a latency counts
	Done      uint64           // operations that succeeded
	Errors    map[string]int64 // count by message
	Elapsed   time.Duration    // from the start to the end of the last operation
}

// Run applies the load and waits for the end of all operations begun. When ctx ends, no further
// operation begins; what it interrupts is not counted as an error.
func Run(ctx context.Context, clients []Client, load Load) Result {
	r := &run{
		load:      load,
		latencies: measure.NewLatencies(),
		errors:    make(map[string]int64),
		start:     time.Now(),
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() { r.client(ctx, c) })
	}
	wg.Wait()
	return Result{
		Latencies: r.latencies.Percentiles(),
		Seconds:   r.latencies.Seconds(),
		Done:      r.done.Load(),
		Errors:    r.errors,
		Elapsed:   time.Since(r.start),
	}
}

// run is the state the clients of one Run share.
type run struct {
	load      Load
	start     time.Time
	latencies *measure.Latencies

	next atomic.Uint64 // operations given out
	done atomic.Uint64

	mu     sync.Mutex
	errors map[string]int64
}

// client is one client's goroutine.
func (r *run) client(ctx context.Context, c Client) {
	rec := r.latencies.Recorder()
	var ok uint64
	defer func() { r.done.Add(ok) }()
	for ctx.Err() == nil {
		i := r.next.Add(1) - 1
		if r.load.Ops > 0 && i >= r.load.Ops {
			return
		}
		began, due := r.await(ctx, i)
		if !due {
			return
		}
		if err := c.Do(ctx, r.load.First+i); err != nil {
			if ctx.Err() == nil {
				r.fail(err)
			}
			continue
		}
		rec.RecordAt(began.Sub(r.start), time.Since(began))
		ok++
	}
}

// await returns the instant operation i's latency counts from, after waiting for it in an open loop;
// false when the run is over before.
func (r *run) await(ctx context.Context, i uint64) (time.Time, bool) {
	select {
	case <-r.load.Stop:
		return time.Time{}, false
	default:
	}
	if r.load.Rate <= 0 {
		now := time.Now()
		return now, r.load.Duration == 0 || now.Sub(r.start) < r.load.Duration
	}
	offset := time.Duration(float64(i) / r.load.Rate * float64(time.Second))
	if r.load.Duration > 0 && offset >= r.load.Duration {
		return time.Time{}, false
	}
	due := r.start.Add(offset)
	if wait := time.Until(due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.load.Stop:
			return time.Time{}, false
		case <-ctx.Done():
			return time.Time{}, false
		}
	}
	return due, true
}

// errorTexts bounds how many different errors are told apart.
const errorTexts = 20

// fail counts an error by its text.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := err.Error()
	if _, known := r.errors[text]; !known && len(r.errors) >= errorTexts {
		text = "others"
	}
	r.errors[text]++
}
