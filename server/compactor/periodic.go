package compactor

import (
	"context"
	"time"
)

// Periodic compaction works in steps of an hour, or of the period when that is shorter, and looks at the revision ten
// times per step, as etcd does. So what is kept is the period, and a tenth of a step more at most.
const (
	stepMax      = time.Hour
	looksPerStep = 10
)

// periodic remembers the revisions of the last period, one per look.
type periodic struct {
	step, look time.Duration
	seen       []int64 // oldest first
	keep       int     // of seen: one period's
	compacted  int64
	last       time.Time // of the last compaction
}

func newPeriodic(period time.Duration, now time.Time) *periodic {
	p := &periodic{step: min(period, stepMax)}
	p.look = max(p.step/looksPerStep, time.Millisecond)
	p.keep = int(period/p.look) + 1
	// The first compaction may come when a whole period has been seen.
	p.last = now.Add(period - p.step)
	return p
}

// due notes the revision of now and returns the one to compact at, 0 when it is not time.
func (p *periodic) due(now time.Time, revision int64) int64 {
	p.seen = append(p.seen, revision)
	if len(p.seen) > p.keep {
		p.seen = p.seen[1:]
	}
	if len(p.seen) < p.keep || now.Sub(p.last) < p.step || p.seen[0] <= p.compacted {
		return 0
	}
	return p.seen[0]
}

// done notes a compaction.
func (p *periodic) done(now time.Time, revision int64) {
	p.compacted, p.last = revision, now
}

func runPeriodic(ctx context.Context, r Replica, c Config) {
	p := newPeriodic(c.Period, time.Now())
	ticker := time.NewTicker(p.look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		// Looked at on every member: who becomes leader knows a period's revisions already.
		revision := p.due(time.Now(), r.Revision())
		if revision == 0 || !r.Status().IsLeader {
			continue
		}
		if compact(ctx, r, c, "periodic", revision) {
			p.done(time.Now(), revision)
		}
	}
}
