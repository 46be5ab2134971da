package replica

import (
	"time"

	"github.com/petcd/petcd/server/membership"
)

// connections tells which members this one is connected to, and since when.
type connections struct {
	cluster     *membership.Cluster
	activeSince func(id uint64) time.Time // zero when it is not connected
}

// since tells whether this member has been connected to id since t at the latest. It always is to itself.
func (c connections) since(id uint64, t time.Time) bool {
	if id == c.cluster.LocalID() {
		return true
	}
	active := c.activeSince(id)
	return !active.IsZero() && active.Before(t)
}

// count is the number of voters connected since t, this member among them.
func (c connections) count(t time.Time) (connected int) {
	for _, m := range c.cluster.Voters() {
		if c.since(m.ID, t) {
			connected++
		}
	}
	return connected
}

// quorumSince tells whether those connected since t are a quorum of the voters.
func (c connections) quorumSince(t time.Time) bool {
	return c.count(t) >= len(c.cluster.Voters())/2+1
}

// quorumWithOneMore tells whether they still were one if one more voter, not connected, were added. A cluster of one may
// always grow.
func (c connections) quorumWithOneMore(t time.Time) bool {
	return len(c.cluster.Voters()) == 1 || c.count(t) >= (len(c.cluster.Voters())+1)/2+1
}
