package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Fault does harm and undoes it: when it returns, all members run, unpaused and connected, though
// not yet healthy. It returns how many processes it killed.
type Fault struct {
	Name   string
	Weight int
	do     func(ctx context.Context, c *Cluster, rng *rand.Rand) (killed int, err error)
}

const (
	// downMax is the longest a killed member stays down.
	downMax = 250 * time.Millisecond
	// apartMax is the longest of a pause or partition; several elections fit in.
	apartMax = 4 * election
)

// Kills are the faults of a crash campaign: kill -9 of one, mostly, and sometimes of more at once.
func Kills() []Fault {
	return []Fault{
		{"kill one", 10, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return c.kill(ctx, rng, rng.IntN(len(c.conns)))
		}},
		{"kill leader", 6, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return c.kill(ctx, rng, c.leaderOr(ctx, rng))
		}},
		{"kill again while it starts", 4, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			victim := rng.IntN(len(c.conns))
			if n, err := c.kill(ctx, rng, victim); err != nil {
				return n, err
			}
			wait(ctx, randomUpTo(rng, downMax))
			n, err := c.kill(ctx, rng, victim)
			return n + 1, err
		}},
		{"leave one behind", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return 1, c.leaveBehind(ctx, rng.IntN(len(c.conns)))
		}},
		{"kill a majority", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return c.kill(ctx, rng, rng.Perm(len(c.conns))[:len(c.conns)/2+1]...)
		}},
		{"kill all", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return c.kill(ctx, rng, rng.Perm(len(c.conns))...)
		}},
	}
}

// Separations are pauses and partitions.
func Separations() []Fault {
	return []Fault{
		{"cut off the leader", 4, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return 0, c.cutOff(ctx, rng, c.leaderOr(ctx, rng))
		}},
		{"cut off one", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return 0, c.cutOff(ctx, rng, rng.IntN(len(c.conns)))
		}},
		{"cut one link", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			pair := rng.Perm(len(c.conns))
			c.network.Cut([]string{c.name(pair[0])}, []string{c.name(pair[1])})
			defer c.network.Heal()
			wait(ctx, randomUpTo(rng, apartMax))
			return 0, nil
		}},
		{"cut every link", 1, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			for i := range c.conns {
				c.network.Cut([]string{c.name(i)}, c.others(i))
			}
			defer c.network.Heal()
			wait(ctx, randomUpTo(rng, apartMax))
			return 0, nil
		}},
		{"pause leader", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return 0, c.pause(ctx, rng, c.leaderOr(ctx, rng))
		}},
		{"pause one", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return 0, c.pause(ctx, rng, rng.IntN(len(c.conns)))
		}},
		{"cut off the leader and kill it", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			leader := c.leaderOr(ctx, rng)
			c.network.Cut([]string{c.name(leader)}, c.others(leader))
			defer c.network.Heal()
			wait(ctx, randomUpTo(rng, apartMax))
			return c.kill(ctx, rng, leader)
		}},
	}
}

// OneWay are links of which one direction fails, and slow ones.
func OneWay() []Fault {
	return []Fault{
		{"nobody hears the leader", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			leader := c.leaderOr(ctx, rng)
			return 0, c.hold(ctx, rng, []string{c.name(leader)}, c.others(leader))
		}},
		{"the leader hears nobody", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			leader := c.leaderOr(ctx, rng)
			return 0, c.hold(ctx, rng, c.others(leader), []string{c.name(leader)})
		}},
		{"one way of one link", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			pair := rng.Perm(len(c.conns))
			return 0, c.hold(ctx, rng, []string{c.name(pair[0])}, []string{c.name(pair[1])})
		}},
		{"kill one whom nobody hears", 1, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			victim := c.leaderOr(ctx, rng)
			if err := c.hold(ctx, rng, []string{c.name(victim)}, c.others(victim)); err != nil {
				return 0, err
			}
			return c.kill(ctx, rng, victim)
		}},
		{"slow links", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			c.network.Slow(randomUpTo(rng, election/2))
			defer c.network.Heal()
			wait(ctx, randomUpTo(rng, apartMax))
			return 0, nil
		}},
	}
}

// choose draws a fault by weight.
func choose(faults []Fault, rng *rand.Rand) Fault {
	sum := 0
	for _, f := range faults {
		sum += f.Weight
	}
	n := rng.IntN(sum)
	for _, f := range faults {
		if n -= f.Weight; n < 0 {
			return f
		}
	}
	return faults[0] // weights are positive
}

// kill kills the members in the given order and starts them again in that order, after a while.
func (c *Cluster) kill(ctx context.Context, rng *rand.Rand, members ...int) (int, error) {
	for _, i := range members {
		if err := c.machines[i].Kill(); err != nil {
			return 0, fmt.Errorf("%w: %w; its log ends with:\n%s", ErrUnhealthy, err, c.machines[i].LogTail(20))
		}
	}
	for _, i := range members {
		wait(ctx, randomUpTo(rng, downMax))
		if err := c.machines[i].Start(); err != nil {
			return 0, fmt.Errorf("robustness: restart: %w", err)
		}
	}
	return len(members), nil
}

const (
	// behind is how many revisions a member misses that needs a snapshot to come back: more than the log
	// keeps, by StartCluster's and Frequent's flags.
	behind = 2000
	// behindCut is after how many more the others have cut their logs, once their states are on disk.
	behindCut = 500
	// behindMax is how long to wait for them at most.
	behindMax = 8 * time.Second
)

// leaveBehind kills a member and starts it when the others have cut from their logs what it lacks.
func (c *Cluster) leaveBehind(ctx context.Context, i int) error {
	m := c.machines[i]
	if err := m.Kill(); err != nil {
		return fmt.Errorf("%w: %w; its log ends with:\n%s", ErrUnhealthy, err, m.LogTail(20))
	}
	waiting, cancel := context.WithTimeout(ctx, behindMax)
	defer cancel()
	other := (i + 1) % len(c.conns)
	c.progress(waiting, other, behind)
	for j := range c.conns {
		if j != i {
			c.defragment(waiting, j) // which flushes
		}
	}
	c.progress(waiting, other, behindCut)
	if err := m.Start(); err != nil {
		return fmt.Errorf("robustness: restart: %w", err)
	}
	return nil
}

// progress waits until a member has n more revisions than now. An error is the load's or the clock's: then there are less.
func (c *Cluster) progress(ctx context.Context, i int, n int64) {
	first, err := currentRevision(ctx, c.conns[i])
	for now := first; err == nil && now < first+n && wait(ctx, 20*time.Millisecond); {
		now, err = currentRevision(ctx, c.conns[i])
	}
}

// pause stops a member's process for a while.
func (c *Cluster) pause(ctx context.Context, rng *rand.Rand, i int) error {
	if err := c.procs.Member(i).Pause(); err != nil {
		return fmt.Errorf("robustness: pause: %w", err)
	}
	wait(ctx, randomUpTo(rng, apartMax))
	if err := c.procs.Member(i).Resume(); err != nil {
		return fmt.Errorf("robustness: resume: %w", err)
	}
	return nil
}

// cutOff separates a member from all others for a while.
func (c *Cluster) cutOff(ctx context.Context, rng *rand.Rand, i int) error {
	c.network.Cut([]string{c.name(i)}, c.others(i))
	defer c.network.Heal()
	wait(ctx, randomUpTo(rng, apartMax))
	return nil
}

// hold keeps what the senders send from the receivers for a while.
func (c *Cluster) hold(ctx context.Context, rng *rand.Rand, senders, receivers []string) error {
	c.network.Hold(senders, receivers)
	defer c.network.Heal()
	wait(ctx, randomUpTo(rng, apartMax))
	return nil
}

// leaderOr is the leader, or anyone when there is none.
func (c *Cluster) leaderOr(ctx context.Context, rng *rand.Rand) int {
	if i := c.leader(ctx); i >= 0 {
		return i
	}
	return rng.IntN(len(c.conns))
}

// name is the i-th member's, as package process gives them.
func (c *Cluster) name(i int) string { return fmt.Sprintf("m%d", i) }

// others are the names of all members but the i-th.
func (c *Cluster) others(i int) []string {
	var names []string
	for j := range c.conns {
		if j != i {
			names = append(names, c.name(j))
		}
	}
	return names
}

// randomUpTo draws a duration.
func randomUpTo(rng *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(limit)))
}
