package corruption

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/petcd/petcd/server/membership"
)

// initialMax bounds the check before serving: a start must not wait long for a large state to be read, or for a peer that
// hangs.
const initialMax = 10 * time.Second

// Initial compares this member's keys with its peers' before it serves anybody; ErrInconsistent means that it must not. A
// peer that doesn't answer, or is at another point of the history, is passed over. What could not be compared in time is
// left to the checks at intervals.
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
	differ := 0
	for _, p := range answers {
		if c.differs(d, p) {
			differ++
		}
	}
	if differ > 0 {
		return fmt.Errorf("%w: member %s differs from %d of them; remove it and add it again", ErrInconsistent, membership.IDString(id), differ)
	}
	c.cfg.Logger.Info("initial corruption checking passed; no corruption", "local-member-id", membership.IDString(id))
	return nil
}

// differs tells whether a peer's hash shows that the two members differ, and logs what the comparison was.
func (c *Checker) differs(d digest, p answer) bool {
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
	case d.compact != p.compact: // I1
		lg.Warn("found different compact revision values from remote peer", "remote-peer-compact-revision", p.compact, "remote-peer-hash", p.hash)
	default:
		lg.Warn("found different hash values from remote peer", "remote-peer-compact-revision", p.compact, "remote-peer-hash", p.hash)
		return true
	}
	return false
}
