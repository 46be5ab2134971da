package replica

import (
	"sync/atomic"
	"time"
)

// ids gives every request of a cluster its own id, as etcd does: 16 bits of the member's id, then a counter that begins at
// the time of the start in 1/256 ms. So neither another member nor an earlier run of this one gives the same, as long as
// fewer than 256,000 a second are given.
type ids struct {
	prefix uint64
	count  atomic.Uint64
}

func newIDs(member uint64, now time.Time) *ids {
	g := &ids{prefix: member << 48}
	g.count.Store(uint64(now.UnixMilli()) << 8)
	return g
}

func (g *ids) next() uint64 {
	return g.prefix | g.count.Add(1)&(1<<48-1)
}
