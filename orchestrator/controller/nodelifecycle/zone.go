package nodelifecycle

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
)

// state is how many of a zone's nodes fail.
type state string

const (
	normal            state = "Normal"
	partialDisruption state = "PartialDisruption" // more than two, and more than the threshold
	fullDisruption    state = "FullDisruption"    // all
)

// zone is what shares a rate of evictions: a failing switch or power line takes a zone's nodes together.
type zone struct {
	state   state
	rate    float32 // nodes a second
	last    time.Time
	waiting []turn // the longest waiting first
}

// turn is a node that waits for a taint. Which one is what the last pass has found: the cache may not show yet what that has written.
type turn struct{ node, taint string }

func (z *zone) enqueue(node, taint string) {
	if i := z.index(node); i >= 0 {
		z.waiting[i].taint = taint
	} else {
		z.waiting = append(z.waiting, turn{node, taint})
	}
}

func (z *zone) dequeue(node string) {
	if i := z.index(node); i >= 0 {
		z.waiting = slices.Delete(z.waiting, i, i+1)
	}
}

func (z *zone) index(node string) int {
	return slices.IndexFunc(z.waiting, func(t turn) bool { return t.node == node })
}

// next returns the node whose turn it is. It stays in the queue.
func (z *zone) next(now time.Time) (next turn, ok bool) {
	if len(z.waiting) == 0 || z.rate <= 0 {
		return next, false
	}
	pause := time.Duration(float64(time.Second) / float64(z.rate))
	if !z.last.IsZero() && now.Sub(z.last) < pause {
		return next, false
	}
	return z.waiting[0], true
}

// count is a zone's census.
type count struct{ ready, failing int }

func (c *count) add(ready v1.ConditionStatus) {
	if ready == v1.ConditionTrue {
		c.ready++
	} else {
		c.failing++
	}
}

func (c *count) nodes() int { return c.ready + c.failing }

func (c *count) state(threshold float32) state {
	switch {
	case c.ready == 0 && c.failing > 0:
		return fullDisruption
	case c.failing > 2 && float32(c.failing)/float32(c.nodes()) >= threshold:
		return partialDisruption
	}
	return normal
}
