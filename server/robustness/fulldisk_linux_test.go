package robustness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fullMax is the longest that a disk stays full.
const fullMax = 6 * time.Second

// FullDisks are disks without room, under running members and under such as start. A member may end over it; when there is
// room again it must come back.
func FullDisks() []Fault {
	return []Fault{
		{"fill one disk", 3, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return 0, c.fill(ctx, rng, rng.IntN(len(c.conns)))
		}},
		{"fill the leader's disk", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			return 0, c.fill(ctx, rng, c.leaderOr(ctx, rng))
		}},
		{"start on a full disk", 2, func(ctx context.Context, c *Cluster, rng *rand.Rand) (int, error) {
			victim := rng.IntN(len(c.conns))
			d := c.machines[victim].(*disk)
			if err := d.fill(); err != nil {
				return 0, err
			}
			if _, err := c.kill(ctx, rng, victim); err != nil {
				return 1, err
			}
			wait(ctx, randomUpTo(rng, fullMax/4))
			return 1, d.empty()
		}},
	}
}

// fill takes all room of a member's disk for a while, in which the state is to be flushed.
func (c *Cluster) fill(ctx context.Context, rng *rand.Rand, i int) error {
	d := c.machines[i].(*disk)
	if err := d.fill(); err != nil {
		return err
	}
	var flushing sync.WaitGroup
	defer flushing.Wait()
	flushing.Go(func() { c.defragment(ctx, i) })
	wait(ctx, randomUpTo(rng, fullMax))
	return d.empty()
}

// filler is the file that takes the room.
func (d *disk) filler() string { return filepath.Join(d.DataDir, "filler") }

// fill takes all room that there is.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("robustness: fill a disk: %w", err)
	}
	defer f.Close()
	var end int64
	for piece := int64(64 << 20); piece >= 4<<10; {
		switch err := unix.Fallocate(int(f.Fd()), 0, end, piece); {
		case err == nil:
			end += piece
		case errors.Is(err, unix.ENOSPC):
			piece /= 2
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("robustness: fill a disk: %w", err)
		}
	}
	return nil
}

// empty gives the room back, and starts the member if it ended for want of it.
func (d *disk) empty() error {
	if err := os.Remove(d.filler()); err != nil && !errors.Is(err, os.ErrNotExist) { // a power cut undid it
		return fmt.Errorf("robustness: empty a disk: %w", err)
	}
	if d.Running() {
		return nil
	}
	return d.Member.Start()
}

// TestFullDisks fills members' disks under load. PETCD_FULL says how often (2).
func TestFullDisks(t *testing.T) {
	t.Parallel() // it waits more than it works
	if !alone(t, unix.CLONE_NEWNS) {
		return
	}
	traffic := EtcdLow()
	traffic.Padding = 8 << 10
	c := Campaign{
		Cluster: membersOn(t, 3, onDisk), Seed: seed(t), Traffic: traffic, Watchers: watchers(),
		Faults: FullDisks(), Epoch: 2, Tidy: true, Logf: t.Logf,
	}
	sum, err := c.Run(t.Context(), int(number(t, "PETCD_FULL", 2)), 0, budget(t))
	t.Log(sum)
	require.NoError(t, err)
	require.Positive(t, sum.Events)
}
