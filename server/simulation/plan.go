package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Plan is all that a run does to a cluster: what clients ask for and what goes wrong, and when. It follows from a seed, and a part
// of it can be left out (Shrink). What is not in the plan (how long each step takes, which message is lost, what a crash leaves)
// follows from the seed as the run goes.
type Plan struct {
	Seed    uint64
	Shape   Shape
	Faults  []Fault
	Demands []Demand
}

// Shape is what stays when a plan is shrunk.
type Shape struct {
	Members  int           // that found the cluster
	Spare    int           // machines that may be added to it
	Length   time.Duration // until all is healed
	Keys     int
	LogCount uint64        // entries after which the log is shortened; small, so that members which lag need snapshots
	LogKept  uint64        // entries that are kept for them
	Flush    time.Duration // between the times that a state reaches its disk, on average
	Loss     float64
	Twice    float64
	SaveAt   time.Duration // when a snapshot is taken, of which a new cluster is made in the end
	SaveFrom int           // whose
	Bump     bool          // the new cluster's revision is raised
}

// FaultKind is what goes wrong.
type FaultKind uint8

// The kinds of faults.
const (
	CutOff       FaultKind = iota // a member hears nobody, and nobody hears it
	OneWay                        // a member hears nobody, but is heard; or the reverse
	Halves                        // the members fall into two groups
	SlowNetwork                   // messages take long, and overtake each other
	LossyNetwork                  // messages are lost and come twice, more than usual
	Pause                         // a process stands still
	Skew                          // a clock is fast or slow
	Jump                          // a clock jumps ahead by several ticks
	Crash                         // a machine loses power between two steps
	CrashInside                   // a machine loses power in the middle of an operation of its disk
	PowerCut                      // all machines lose power
	Restart                       // a process ends and begins again
	StalledDisk                   // the log's disk hangs
	FailedSync                    // a sync of the log fails
	FullDisk                      // there is no room for the log
	Transfer                      // leadership is handed on
	Defragment                    // the state is written anew
	Replace                       // a member is removed, and its machine added as a new one
	Rot                           // a bit of a member's files turns over while its process is down
	faultKinds
)

var faultNames = [...]string{"cut off", "one way", "halves", "slow network", "lossy network", "pause", "skew", "jump", "crash", "crash inside",
	"power cut", "restart", "stalled disk", "failed sync", "full disk", "transfer", "defragment", "replace", "rot"}

// String is the kind as reports name it.
func (k FaultKind) String() string { return faultNames[k] }

// Fault is one thing that goes wrong.
type Fault struct {
	At, For time.Duration
	Kind    FaultKind
	Member  int // index; Leader is whoever leads then
	Amount  int // what it means depends on the kind
}

// Leader as Fault.Member is whoever leads at the time.
const Leader = -1

// String shows the fault on a line.
func (f Fault) String() string {
	who := fmt.Sprint("member ", f.Member)
	if f.Member == Leader {
		who = "the leader"
	}
	return fmt.Sprintf("%v: %v, %s, for %v (%d)", f.At, f.Kind, who, f.For, f.Amount)
}

// DemandKind is what a client asks for.
type DemandKind uint8

// The kinds of demands.
const (
	Put DemandKind = iota
	Delete
	Swap // put if the key has the value that a read of the client's saw last
	Get
	LocalGet // serializable
	PutMany  // several keys in one transaction
	Lease    // grant, and a key with it
	KeepAlive
	Compact
	Watch
	TreePut // of API 2, as those that follow
	TreeDelete
	TreeSwap
	TreeGet
	TreeLocalGet
	demandKinds
)

// Demand is one thing that a client asks of a member.
type Demand struct {
	At     time.Duration
	Kind   DemandKind
	Number int // its own, among all demands
	Member int
	Key    int
	Amount int
}

// NewPlan is the plan that follows from a seed.
func NewPlan(seed uint64) Plan {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := Plan{Seed: seed, Shape: Shape{
		Members:  []int{3, 3, 3, 3, 5, 1}[rng.IntN(6)],
		Spare:    []int{0, 0, 1, 2}[rng.IntN(4)],
		Length:   time.Duration(5+rng.IntN(25)) * time.Second,
		Keys:     1 + rng.IntN(6),
		LogCount: uint64(5 + rng.IntN(100)),
		LogKept:  uint64(1 + rng.IntN(20)),
		Flush:    time.Duration(200+rng.IntN(3000)) * time.Millisecond,
	}}
	if rng.IntN(2) == 0 {
		p.Shape.Loss = 0.3 * rng.Float64() * rng.Float64()
		p.Shape.Twice = 0.5 * rng.Float64() * rng.Float64()
	}
	p.Faults = planFaults(rng, &p.Shape)
	p.Demands = planDemands(rng, &p.Shape)
	p.Shape.SaveAt = time.Duration(rng.Int64N(int64(p.Shape.Length)))
	p.Shape.SaveFrom, p.Shape.Bump = rng.IntN(p.Shape.Members), rng.IntN(2) == 0
	return p
}

// longest is what a fault may take, or what a process may stand still; a disk hangs for up to five times as long.
const longest = 10 * time.Second

// planFaults draws faults, of a few kinds each time: too many at once leave nothing that works and could go wrong.
func planFaults(rng *rand.Rand, s *Shape) (faults []Fault) {
	var kinds []FaultKind
	for range 1 + rng.IntN(6) {
		kinds = append(kinds, FaultKind(rng.IntN(int(faultKinds))))
	}
	every := 200*time.Millisecond + time.Duration(rng.Int64N(int64(3*time.Second)))
	for at := time.Second; at < s.Length; at += time.Duration(rng.ExpFloat64() * float64(every)) {
		f := Fault{At: at, Kind: kinds[rng.IntN(len(kinds))], Member: rng.IntN(s.Members + s.Spare), Amount: rng.IntN(1000)}
		if rng.IntN(3) == 0 {
			f.Member = Leader
		}
		f.For = time.Duration(rng.ExpFloat64() * float64(1500*time.Millisecond))
		if rng.IntN(10) == 0 {
			f.For *= 5
		}
		f.For = min(f.For, longest)
		faults = append(faults, f)
	}
	return faults
}

// planDemands draws what clients ask for.
func planDemands(rng *rand.Rand, s *Shape) (demands []Demand) {
	weights := [demandKinds]int{Put: 10, Delete: 2, Swap: 4, Get: 10, LocalGet: 3, PutMany: 2, Lease: 1, KeepAlive: 1, Compact: 1, Watch: 1}
	if rng.IntN(2) == 0 {
		weights[Lease], weights[KeepAlive], weights[Compact] = rng.IntN(4), rng.IntN(6), rng.IntN(3)
	}
	if rng.IntN(2) == 0 {
		weights[TreePut], weights[TreeDelete], weights[TreeSwap], weights[TreeGet], weights[TreeLocalGet] = 4, 1, 3, 4, 2
	}
	total := 0
	for _, w := range weights {
		total += w
	}
	every := time.Duration(5+rng.IntN(100)) * time.Millisecond
	for at := time.Second / 2; at < s.Length; at += time.Duration(rng.ExpFloat64() * float64(every)) {
		d := Demand{At: at, Number: len(demands) + 1, Member: rng.IntN(s.Members + s.Spare), Key: rng.IntN(s.Keys), Amount: rng.IntN(1000)}
		for n := rng.IntN(total); n >= weights[d.Kind]; d.Kind++ {
			n -= weights[d.Kind]
		}
		demands = append(demands, d)
	}
	return demands
}
