package replica

import (
	"time"

	"github.com/petcd/petcd/raft/transport"
)

// Traffic is what went between this member and the others for Raft's appends.
func (r *Replica) Traffic() transport.Stats { return r.transport.Stats() }

// LeaderSince is when this member first knew of the present leader; zero when it has known none.
func (r *Replica) LeaderSince() time.Time {
	elected, _ := r.leader.elected()
	return elected
}
