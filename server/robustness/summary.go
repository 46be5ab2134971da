package robustness

import (
	"fmt"
	"time"
)

// Summary is what a campaign did.
type Summary struct {
	Epochs, Faults, Kills int
	Operations, Ambiguous int
	Events                int
	Sessions              int
	Leases, Lists         int
	V2                    V2Summary
	Took                  time.Duration
}

// count adds an epoch.
func (s *Summary) count(e *epoch) {
	s.add(Summary{
		Epochs: 1, Faults: len(e.names), Kills: e.kills, Operations: len(e.traffic.ops), Ambiguous: e.ambiguous(),
		Events: len(e.events), Sessions: e.sessions, Lists: len(e.traffic.lists), V2: e.v2.summary(),
	})
	if e.tenants != nil {
		s.Operations += len(e.tenants.ops)
		s.Leases += e.tenants.known
	}
}

// add adds another campaign's.
func (s *Summary) add(o Summary) {
	s.Epochs += o.Epochs
	s.Faults += o.Faults
	s.Kills += o.Kills
	s.Operations += o.Operations
	s.Ambiguous += o.Ambiguous
	s.Events += o.Events
	s.Sessions += o.Sessions
	s.Leases += o.Leases
	s.Lists += o.Lists
	s.V2.add(o.V2)
	s.Took += o.Took
}

// String is the campaign on one line. A member that was killed was started again, and the epoch went on with it.
func (s Summary) String() string {
	operations, ambiguous := s.Operations+s.V2.Operations, s.Ambiguous+s.V2.Ambiguous
	return fmt.Sprintf("%d operations, %d acknowledged, %d ambiguous; %d faults; %d kills and as many restarts, %.0f a minute; "+
		"%d events, %d watch sessions, %d lists, %d leases; by API 2 %d operations, %d keys that expired; %d epochs in %v",
		operations, operations-ambiguous, ambiguous, s.Faults, s.Kills, float64(s.Kills)/max(s.Took.Minutes(), 1e-9),
		s.Events, s.Sessions, s.Lists, s.Leases, s.V2.Operations, s.V2.Expired, s.Epochs, s.Took.Round(time.Second))
}
