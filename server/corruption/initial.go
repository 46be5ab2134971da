package corruption

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/petcd/petcd/server/membership"
)

// initialMax bounds the check before serving: a start must not wait long for a large state to be read, or for a peer that
// hangs.
const initialMax = 10 * time.Second

// Initial compares this member's keys with its peers' before it serves anybody; ErrInconsistent means that it must not: a
// majority has another hash (I2), or all members were compared, some differ, and none has a majority behind it, as when
// there are two. A peer that doesn't answer, or is at another point of the history, is passed over. What could not be
// compared in time, or is another member's fault, is left to the running checks: they raise the alarm.
func (c *Checker) Initial(ctx context.Context) error {
	id := c.cfg.Replica.Cluster().LocalID()
	if len(c.others()) == 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, initialMax)
	defer cancel()
	c.cfg.Logger.Info("starting initial corruption check", "local-member-id", membership.IDString(id), "timeout", initialMax)
	// Nothing is applied yet, so the revision stays while all members read at a time.
	var answers []answer
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		answers = c.ask(bounded, c.cfg.Replica.Store().Revision())
	}()
	d, err := c.local(bounded, 0)
	if err != nil {
		cancel()
	}
	<-asked
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		c.cfg.Logger.Warn("initial corruption check takes too long; left to the checks at intervals", "timeout", initialMax)
		return nil
	}
	if err != nil {
		return fmt.Errorf("corruption: hash the local state: %w", err)
	}
	for _, p := range answers {
		c.note(d, p)
	}
	return c.admit(id, d, answers)
}

// admit decides whether this member, whose hash is d, may serve beside its peers.
func (c *Checker) admit(self uint64, d digest, answers []answer) error {
	lg := c.cfg.Logger.With("local-member-id", membership.IDString(self))
	groups, compared := divide(self, d, answers)
	wrong := minority(groups, len(answers)+1)
	switch {
	case len(groups) == 1:
		lg.Info("initial corruption checking passed; no corruption")
	case slices.Contains(wrong, self):
		return fmt.Errorf("%w: member %s differs from the majority; remove it and add it again", ErrInconsistent, membership.IDString(self))
	case wrong == nil && compared == len(answers):
		return fmt.Errorf("%w: member %s differs from others, and no hash has a majority", ErrInconsistent, membership.IDString(self))
	default:
		lg.Warn("members differ, but not this one from a majority; left to the running checks",
			"member-ids-in-minority", idStrings(wrong), "number-of-peers-checked", compared)
	}
	return nil
}

// note logs what a peer's answer tells of it.
func (c *Checker) note(d digest, p answer) {
	lg := c.cfg.Logger.With("local-member-id", membership.IDString(c.cfg.Replica.Cluster().LocalID()),
		"local-member-revision", d.revision, "local-member-compact-revision", d.compact, "local-member-hash", d.hash,
		"remote-peer-id", membership.IDString(p.id), "remote-peer-endpoints", p.urls)
	switch {
	case errors.Is(p.err, errFuture):
		lg.Warn("cannot fetch hash from slow remote peer", "error", p.err)
	case errors.Is(p.err, errCompacted):
		lg.Warn("cannot fetch hash from remote peer; local member is behind", "error", p.err)
	case errors.Is(p.err, errOtherID):
		lg.Warn("cluster ID mismatch", "error", p.err)
	case p.err != nil: // it was logged when it was asked
	case d.hash == p.hash:
	case d.revision != p.revision: // I1
		lg.Warn("found different revision values from remote peer", "remote-peer-revision", p.revision, "remote-peer-hash", p.hash)
	case d.compact != p.compact: // I1
		lg.Warn("found different compact revision values from remote peer", "remote-peer-compact-revision", p.compact, "remote-peer-hash", p.hash)
	default:
		lg.Warn("found different hash values from remote peer", "remote-peer-compact-revision", p.compact, "remote-peer-hash", p.hash)
	}
}
