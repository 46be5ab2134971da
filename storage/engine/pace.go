package engine

import (
	"math/rand/v2"
	"time"
)

// An engine that is written to flushes by itself when so much of the log would have to be replayed that it takes two or three seconds,
// or after half a minute: a flush is cheap, but the compactions that follow rewrite far more than it wrote.
const (
	flushEntries = 128 << 10
	flushAge     = 30 * time.Second
)

// pace decides when an engine flushes, besides when a memtable is full.
type pace struct {
	quiet   time.Duration // when nothing was written for so long
	entries uint64        // when so many are volatile
	age     time.Duration // when the last flush was so long ago

	seen    uint64    // applied index at the last look
	changed time.Time // when it was last seen to change
	flushed uint64    // applied index of the newest flush, under way ones included
	since   time.Time // of that flush, or when something volatile was first seen since; zero: nothing is
}

// newPace varies the limits by a quarter, so that members that apply the same entries don't all flush, and compact, at once.
func newPace(quiet time.Duration) *pace {
	vary := 0.75 + rand.Float64()/2
	return &pace{quiet: quiet, entries: uint64(flushEntries * vary), age: time.Duration(float64(flushAge) * vary)}
}

// due says whether a flush shall begin, given the applied indexes as of the newest batch and on the disk.
func (p *pace) due(now time.Time, written, durable uint64) bool {
	if written != p.seen {
		p.seen, p.changed = written, now
	}
	if durable > p.flushed { // a full memtable was flushed
		p.flushed, p.since = durable, now
	}
	if written <= p.flushed { // less, where the two were read beside a commit
		p.since = time.Time{}
		return false
	}
	if p.since.IsZero() {
		p.since = now
	}
	if p.flushed > durable { // that flush is under way, or fails and is tried again
		return false
	}
	return written-p.flushed >= p.entries || now.Sub(p.changed) >= p.quiet || now.Sub(p.since) >= p.age
}

// begun notes that a flush of what due was asked about is under way.
func (p *pace) begun(now time.Time) { p.flushed, p.since = p.seen, now }
