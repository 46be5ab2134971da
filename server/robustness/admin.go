package robustness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// duringMax is how far a member may get with a task before it is killed over it.
const duringMax = 60 * time.Millisecond

// Chores are what an administrator does, and crashes in the middle of it.
func Chores() []Fault {
	return []Fault{
		{"move the leader", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			c.moveLeader(ctx, rng)
			return 0, nil
		}},
		{"move the leader and kill one", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return c.killDuring(ctx, rng, rng.IntN(len(c.conns)), func(ctx context.Context) { c.moveLeader(ctx, rng) })
		}},
		{"defragment", 1, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			c.defragment(ctx, rng.IntN(len(c.conns)))
			return 0, nil
		}},
		{"kill one that defragments", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			victim := rng.IntN(len(c.conns))
			return c.killDuring(ctx, rng, victim, func(ctx context.Context) { c.defragment(ctx, victim) })
		}},
		{"kill one that compacts", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			victim := rng.IntN(len(c.conns))
			return c.killDuring(ctx, rng, victim, func(ctx context.Context) { c.compact(ctx, victim) })
		}},
	}
}

// Replacement is a member lost for ever with its data, in whose place and at whose address another comes.
func Replacement() []Fault {
	return []Fault{{"replace one", 1, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
		return 1, c.replace(ctx, rng.IntN(len(c.conns)))
	}}}
}

// killDuring kills a member while the task runs. What becomes of the task is not looked at: the checks show what it did.
func (c *Cluster) killDuring(ctx context.Context, rng *rand.Rand, i int, task func(context.Context)) (int, error) {
	doing, cancel := context.WithTimeout(ctx, operationTimeout)
	var wg sync.WaitGroup
	delay := randomUpTo(rng, duringMax)
	wg.Go(func() { task(doing) })
	wait(ctx, delay)
	killed := 1
	err := c.machines[i].Kill()
	cancel()
	wg.Wait()
	if err == nil {
		wait(ctx, randomUpTo(rng, downMax))
		err = c.machines[i].Start()
	}
	if err != nil {
		return killed, fmt.Errorf("%w: %w; its log ends with:\n%s", ErrUnhealthy, err, c.machines[i].LogTail(20))
	}
	return killed, nil
}

// moveLeader asks the leader to hand over to another member.
func (c *Cluster) moveLeader(ctx context.Context, rng *rand.Rand) {
	leader := c.leaderOr(ctx, rng)
	to := (leader + 1 + rng.IntN(max(len(c.conns)-1, 1))) % len(c.conns)
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	st, err := pb.NewMaintenanceClient(c.conns[to]).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return
	}
	_, _ = pb.NewMaintenanceClient(c.conns[leader]).MoveLeader(ctx, &pb.MoveLeaderRequest{TargetID: st.Header.GetMemberId()})
}

// defragment has one member give back space.
func (c *Cluster) defragment(ctx context.Context, i int) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	_, _ = pb.NewMaintenanceClient(c.conns[i]).Defragment(ctx, &pb.DefragmentRequest{})
}

// compact drops, through one member, the history that nobody asks for any more, and waits until the tables are rid of it.
func (c *Cluster) compact(ctx context.Context, i int) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	_, _ = pb.NewKVClient(c.conns[i]).Compact(ctx, &pb.CompactionRequest{Revision: c.oldest, Physical: true})
}

// replace has the others remove a dead member and add one that begins as a learner, with nothing.
func (c *Cluster) replace(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	m := c.procs.Member(i)
	if err := m.Kill(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	cluster := pb.NewClusterClient(c.conns[(i+1)%len(c.conns)])
	id, err := c.memberID(ctx, cluster, m.Name)
	if err != nil {
		return err
	}
	err = insist(ctx, "remove a member", func(ctx context.Context) error {
		_, err := cluster.MemberRemove(ctx, &pb.MemberRemoveRequest{ID: id})
		if err != nil && strings.Contains(err.Error(), "member not found") {
			return nil // an earlier try was not answered, but did it
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(m.DataDir); err != nil {
		return fmt.Errorf("robustness: replace %s: %w", m.Name, err)
	}
	err = insist(ctx, "add a member", func(ctx context.Context) error {
		_, err := cluster.MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: []string{m.AdvertisePeerURL}, IsLearner: true})
		if err != nil && strings.Contains(err.Error(), "Peer URLs already exists") {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	m.AddFlags("--initial-cluster-state=existing")
	if err := m.Start(); err != nil {
		return fmt.Errorf("robustness: replace: %w", err)
	}
	if err := m.WaitServing(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	if id, err = c.memberID(ctx, cluster, m.Name); err != nil {
		return err
	}
	err = insist(ctx, "promote a member", func(ctx context.Context) error {
		_, err := cluster.MemberPromote(ctx, &pb.MemberPromoteRequest{ID: id})
		if errors.Is(rpctypes.Error(err), rpctypes.ErrMemberNotLearner) { // not: a learner that lags
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return insist(ctx, "list the members", c.learnNames)
}

// memberID finds a member by its name, once it has published it.
func (c *Cluster) memberID(ctx context.Context, cluster pb.ClusterClient, name string) (id uint64, err error) {
	err = insist(ctx, "find a member", func(ctx context.Context) error {
		list, err := cluster.MemberList(ctx, &pb.MemberListRequest{Linearizable: true})
		if err != nil {
			return err
		}
		for _, m := range list.Members {
			if m.Name == name {
				id = m.ID
				return nil
			}
		}
		return fmt.Errorf("no member %s", name)
	})
	return id, err
}

// insist tries until it succeeds, or nothing has come of it for as long as a cluster may take to recover: under load and
// faults an answer may have to wait.
func insist(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(ctx, operationTimeout)
		err := try(once)
		cancel()
		if err == nil {
			return nil
		}
		if !wait(ctx, retryPause) {
			return fmt.Errorf("%w: %s: %w", ErrUnhealthy, what, err)
		}
	}
}
