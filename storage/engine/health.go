package engine

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// stallAfter is how long an operation of the disk may take before it counts as stalled.
	stallAfter = 5 * time.Second

	// stallSeen is how long a report of a stall holds: Pebble repeats it every two seconds as long as the stall lasts.
	stallSeen = 5 * time.Second

	// failuresMax is how many flushes and LSM compactions may fail in a row before the disk counts as failing. The backoff
	// makes that about a third of a second.
	failuresMax = 5
)

// health is what is known of the disk under an engine.
type health struct {
	stalls atomic.Uint64 // operations that were reported to take too long

	mu      sync.Mutex
	last    error     // of the newest failure of background work
	fatal   error     // ErrFatal, once it has happened
	stalled time.Time // when the newest report of a stall came
	stall   string    // what it said
}

// noteFailure keeps the newest error.
func (h *health) noteFailure(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = err
}

// noteFatal keeps what ended the engine.
func (h *health) noteFatal(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fatal = err
}

// noteSlow is called for an operation that takes too long, again and again until it ends.
func (h *health) noteSlow(i vfs.DiskSlowInfo) {
	h.stalls.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stalled, h.stall = time.Now(), i.String()
}

// watched is fs with its writing operations watched, by a goroutine that lives until unwatch is called. Files watch
// themselves until they are closed.
func (h *health) watched(fs vfs.FS) (watched vfs.FS, unwatch func() error) {
	watched, closer := vfs.WithDiskHealthChecks(fs, stallAfter, nil, h.noteSlow)
	return watched, closer.Close
}

// Health is why the disk under the engine cannot be relied on: ErrDiskFailing when flushes or LSM compactions fail again and
// again, ErrDiskStalled when an operation hangs, ErrFatal after that; nil while all is well. It is cheap.
func (d *DB) Health() error {
	failures := d.backoff.failures.Load()
	d.health.mu.Lock()
	defer d.health.mu.Unlock()
	switch {
	case d.health.fatal != nil:
		return d.health.fatal
	case failures >= failuresMax:
		return fmt.Errorf("%w: %d times in a row: %w", ErrDiskFailing, failures, d.health.last)
	case !d.health.stalled.IsZero() && time.Since(d.health.stalled) < stallSeen:
		return fmt.Errorf("%w: %s", ErrDiskStalled, d.health.stall)
	}
	return nil
}

// Stalls counts reports of operations that took too long.
func (d *DB) Stalls() uint64 { return d.health.stalls.Load() }

// probeName is the file that probe writes.
const probeName = "PROBE"

// probe writes a little, so that a disk that hangs is noticed though no flush is due. Of one that fails a flush is asked for, whose
// failures count; while a flush fails Pebble tries again by itself, and another one would only take another memtable.
func (d *DB) probe() {
	defer d.probing.Store(false)
	if d.backoff.failures.Load() > 0 {
		return
	}
	name := d.fs.PathJoin(d.dir, probeName)
	f, err := d.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write([]byte{'\n'})
		err = errors.Join(err, f.Sync(), f.Close(), d.fs.Remove(name))
	}
	if err == nil {
		return
	}
	d.log.Warn("could not write to the state's disk", "error", err)
	if _, err := d.beginFlush(); err != nil && !errors.Is(err, ErrClosed) {
		d.log.Error("flushing the storage engine failed", "error", err)
	}
}

// healthPoll is how often a flush that is waited for looks at the disk's health.
const healthPoll = 50 * time.Millisecond

// flush flushes, and gives up when the disk fails or stalls: Pebble would wait until it works again.
func (d *DB) flush() error {
	ended := d.flushing()
	poll := time.NewTicker(healthPoll)
	defer poll.Stop()
	for {
		select {
		case err := <-ended:
			return wrap("flush", err)
		case <-poll.C:
			if err := d.Health(); err != nil {
				return wrap("flush", err)
			}
		}
	}
}

// flushing begins a flush of all that was committed so far. What it returns gets its end.
func (d *DB) flushing() <-chan error {
	ended := make(chan error, 1)
	go func() {
		done, err := d.beginFlush()
		if err != nil {
			ended <- err
			return
		}
		select {
		case <-done:
			ended <- nil
		case <-d.closed: // Pebble tells nobody who waits
			ended <- ErrClosed
		}
	}()
	return ended
}

// beginFlush begins a flush, unless the engine is closing.
func (d *DB) beginFlush() (<-chan struct{}, error) {
	d.flushMu.Lock()
	defer d.flushMu.Unlock()
	select {
	case <-d.closed:
		return nil, ErrClosed
	default:
		return d.pdb.AsyncFlush()
	}
}
