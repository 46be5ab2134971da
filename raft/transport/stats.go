package transport

import (
	"math"
	"sync"
	"time"
)

// Stats is what the transport has done for Raft's appends since it was made. etcd shows it under /v2/stats.
type Stats struct {
	Sent, Received AppendStats
	// Followers are all peers by id, whether or not this member leads.
	Followers map[uint64]FollowerStats
}

// AppendStats counts appends in one direction. The rates are those of the last second at most, 0 when nothing went.
type AppendStats struct {
	Count          uint64
	PerSecond      float64
	BytesPerSecond float64
}

// FollowerStats is how sending appends to one peer went. Latencies are in milliseconds, of writing an append to the peer's
// connection with all that was written along with it.
type FollowerStats struct {
	Current, Average, StandardDeviation, Minimum, Maximum float64
	Success, Fail                                         uint64
}

// Stats returns the numbers as they are now.
func (t *Transport) Stats() Stats {
	now := time.Now()
	s := Stats{Sent: t.sent.stats(now), Received: t.received.stats(now), Followers: map[uint64]FollowerStats{}}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for id, p := range t.peers {
		if !p.remote {
			s.Followers[id] = p.follower.stats()
		}
	}
	return s
}

// rateSamples bounds how many appends a rate is taken from.
const rateSamples = 200

// rateSpan is how long ago the last append may be before the rate is 0.
const rateSpan = time.Second

// appendCounter counts appends and remembers the last ones, for their rate. The zero value is ready.
type appendCounter struct {
	mu     sync.Mutex
	count  uint64
	recent [rateSamples]struct {
		at    time.Time
		bytes int
	}
	used  uint64 // how many of recent count, since the last pause
	bytes int    // in those
}

// add counts appends that went at once.
func (c *appendCounter) add(now time.Time, appends, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range appends {
		share := 0
		if i == 0 {
			share = bytes
		}
		slot := &c.recent[c.count%rateSamples]
		if c.used == rateSamples {
			c.bytes -= slot.bytes
		} else {
			c.used++
		}
		slot.at, slot.bytes = now, share
		c.bytes += share
		c.count++
	}
}

// stats is the count and the rate. After a pause the rate begins anew.
func (c *appendCounter) stats(now time.Time) AppendStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := AppendStats{Count: c.count}
	if c.used == 0 {
		return s
	}
	newest, oldest := c.recent[(c.count-1)%rateSamples].at, c.recent[(c.count-c.used)%rateSamples].at
	if now.Sub(newest) > rateSpan {
		c.used, c.bytes = 0, 0
		return s
	}
	if span := newest.Sub(oldest).Seconds(); span > 0 {
		s.PerSecond, s.BytesPerSecond = float64(c.used)/span, float64(c.bytes)/span
	}
	return s
}

// followerLatency gathers a FollowerStats.
type followerLatency struct {
	mu          sync.Mutex
	sum         float64
	squares     float64
	now         FollowerStats
	initialized bool
}

// noLatency is what etcd shows as the least latency before there is one.
const noLatency = float64(1 << 63)

// succeeded counts appends that were written, together, in d.
func (f *followerLatency) succeeded(appends int, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ms := float64(d) / float64(time.Millisecond)
	n := float64(appends)
	f.sum += ms * n
	f.squares += ms * ms * n
	if !f.initialized || ms < f.now.Minimum {
		f.now.Minimum = ms
	}
	f.initialized = true
	f.now.Current, f.now.Maximum = ms, max(f.now.Maximum, ms)
	f.now.Success += uint64(appends)
}

// failed counts an append that did not leave.
func (f *followerLatency) failed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.Fail++
}

// stats is what was gathered so far.
func (f *followerLatency) stats() FollowerStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.now
	if s.Success == 0 {
		s.Minimum = noLatency
		return s
	}
	n := float64(s.Success)
	s.Average = f.sum / n
	s.StandardDeviation = math.Sqrt(max(0, f.squares/n-s.Average*s.Average))
	return s
}
