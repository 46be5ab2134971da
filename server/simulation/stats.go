package simulation

import (
	"fmt"
	"strings"
	"time"
)

// Stats are the figures of a run, or of many.
type Stats struct {
	Time                  time.Duration // simulated
	Steps                 int
	Messages, Lost, Twice int
	Snapshots             int // states sent to members that lag
	Torn                  int // crashes in the middle of an operation of a disk
	Stops                 int // members that stopped because their disk failed
	Removals, Additions   int // of members
	Rotten                int // bits that were turned over
	Repaired              int // parts of members that were damaged and made anew
	Rejoined              int // members that came back as another one, as their log was damaged
	Restored              int // members of new clusters that were made of snapshots
	Demands, Answers      int
	Events, Sessions      int
	TreeEvents            int // of API 2
	Faults                [faultKinds]int
}

// Add adds the figures of another run.
func (s *Stats) Add(o Stats) {
	s.Time += o.Time
	s.Steps += o.Steps
	s.Messages += o.Messages
	s.Lost += o.Lost
	s.Twice += o.Twice
	s.Snapshots += o.Snapshots
	s.Torn += o.Torn
	s.Stops += o.Stops
	s.Removals += o.Removals
	s.Additions += o.Additions
	s.Rotten += o.Rotten
	s.Repaired += o.Repaired
	s.Rejoined += o.Rejoined
	s.Restored += o.Restored
	s.Demands += o.Demands
	s.Answers += o.Answers
	s.Events += o.Events
	s.Sessions += o.Sessions
	s.TreeEvents += o.TreeEvents
	for k := range s.Faults {
		s.Faults[k] += o.Faults[k]
	}
}

// String shows the figures as a report does.
func (s *Stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps; %d messages, %d of them lost, %d twice; %d states sent; %d members removed, %d added\n", s.Steps, s.Messages, s.Lost, s.Twice, s.Snapshots,
		s.Removals, s.Additions)
	fmt.Fprintf(&b, "%d demands, %d answered; %d events against %d watches; %d events of API 2\nfaults:", s.Demands, s.Answers, s.Events, s.Sessions, s.TreeEvents)
	for k, n := range s.Faults {
		fmt.Fprintf(&b, " %d %v,", n, FaultKind(k))
	}
	fmt.Fprintf(&b, " %d crashes inside an operation came, %d members stopped for their disks, %d bits were turned over, %d parts made anew, %d members came back as others, %d restored",
		s.Torn, s.Stops, s.Rotten, s.Repaired, s.Rejoined, s.Restored)
	return b.String()
}
