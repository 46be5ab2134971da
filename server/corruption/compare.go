package corruption

import (
	"context"
	"fmt"

	"github.com/petcd/petcd/server/membership"
)

// comparePresent compares all members at the newest revision. A peer that is behind is left for the next time.
func (c *Checker) comparePresent(ctx context.Context) error {
	d, err := c.local(ctx, 0)
	if err != nil {
		return fmt.Errorf("corruption: hash the local state: %w", err)
	}
	answers := c.ask(ctx, d.revision)
	// What a follower has, its leader has: after this, so does what this member reads of itself.
	if err := c.cfg.Replica.ReadBarrier(ctx); err != nil {
		return err
	}
	store := c.cfg.Replica.Store()
	revision, compact := store.Revision(), store.CompactRevision()
	compared := 0
	for _, p := range answers {
		if p.err != nil {
			continue
		}
		compared++
		if p.current > revision || p.compact > compact {
			c.cfg.Logger.Warn("revision and compact revision from follower must be less than or equal to leader's",
				"leader-revision", revision, "follower-revision", p.current,
				"leader-compact-revision", compact, "follower-compact-revision", p.compact, "follower-peer-id", membership.IDString(p.id))
			c.blame(ctx, p.id)
			return nil
		}
	}
	c.judge(ctx, d, answers)
	c.cfg.Logger.Info("finished peer corruption check", "number-of-peers-checked", compared, "revision", d.revision)
	return nil
}

// compareCompaction compares all members as of the last compaction, unless they were found to agree on it. Members reach
// one compact revision at one point of the log, so these hashes can be compared under any load.
func (c *Checker) compareCompaction(ctx context.Context) error {
	compact := c.cfg.Replica.Store().CompactRevision()
	if compact <= c.compared || len(c.others()) == 0 {
		return nil
	}
	c.cfg.Logger.Info("starting compact hash check", "local-member-id", membership.IDString(c.cfg.Replica.Cluster().LocalID()), "revision", compact)
	d, err := c.local(ctx, compact)
	if err != nil {
		return fmt.Errorf("corruption: hash the local state at the compact revision: %w", err)
	}
	answers := c.ask(ctx, d.revision)
	agree, equal := c.judge(ctx, d, answers)
	switch {
	case !agree:
	case equal == len(answers):
		c.compared = compact
		c.cfg.Logger.Info("successfully checked hash on whole cluster", "number-of-peers-checked", equal, "revision", d.revision, "compactRevision", d.compact)
	default:
		c.cfg.Logger.Warn("skipped revision in compaction hash check; was not able to check all peers",
			"number-of-peers-checked", equal, "number-of-peers", len(answers), "revision", d.revision, "compactRevision", d.compact)
	}
	return nil
}
