package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// part is a part of a data directory that can be repaired by itself.
type part string

const (
	theLog   part = "log"
	theState part = "state"
)

// damageError is damage of one part. Its text is that of the error that it marks.
type damageError struct {
	part part
	err  error
	// noted says that the part was opened, and met damage when it ran before. It may do until it can be repaired.
	noted bool
}

// Error implements error.
func (d *damageError) Error() string { return d.err.Error() }

// Unwrap implements errors.
func (d *damageError) Unwrap() error { return d.err }

// inPart marks an error as damage of a part, if it is damage.
func inPart(p part, err error) error {
	if IsDamage(err) {
		return &damageError{part: p, err: err}
	}
	return err
}

// IsDamage tells whether an error says that something in the data directory is damaged.
func IsDamage(err error) bool {
	for _, damage := range []error{ErrDamaged, ErrCorrupt, log.ErrCorrupt, storage.ErrCorrupt, membership.ErrCorrupt, auth.ErrCorrupt} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return false
}

// damageNote is the file in the data directory that says that the state met damage while it was in use. A start may not read
// what is damaged, so it has to be told.
const damageNote = "damaged"

// damageWatch is how damage that is met while the member runs reaches the one who acts on it.
type damageWatch chan error

// meet is told of damage by whoever reads. It never blocks.
func (w damageWatch) meet(err error) {
	select {
	case w <- err:
	default: // one piece of damage is enough to act
	}
}

// forget drops what was met before a repair. REQUIRES: nobody waits for it yet.
func (w damageWatch) forget() {
	select {
	case <-w: //nolint:errcheck // it is repaired
	default:
	}
}

// repairPause is how long a member goes on with a damaged state after a repair failed.
const repairPause = 10 * time.Minute

// watchDamage waits for damage of the state, and then ends the member (ErrDamaged) so that its next start repairs it, as soon as
// that can succeed. Until then it goes on: what it serves is verified, and a read that meets the damage fails. After a start that
// tried in vain it goes on for longer, as the next one may fail, too, and a member that comes and goes is worse than one that stays.
func (r *Replica) watchDamage(ctx context.Context) {
	var met error
	select {
	case met = <-r.damage:
	case <-ctx.Done():
		return
	}
	r.noteDamage()
	if r.unrepaired {
		sleep(ctx, repairPause)
	}
	if !r.canRebuild() {
		r.logger.Error("the state is damaged; waiting for another member to repair it from", "error", met)
	}
	for ; ctx.Err() == nil; sleep(ctx, diskInterval) {
		if !r.canRebuild() {
			continue
		}
		resign, cancel := context.WithTimeout(ctx, r.cfg.Member.ElectionTimeout)
		r.Resign(resign)
		cancel()
		r.fail(fmt.Errorf("%w: %w", ErrDamaged, met))
		return
	}
}

// noteDamage tells the next start that the state is damaged.
func (r *Replica) noteDamage() {
	if err := r.dir.write(damageNote, []byte(theState)); err != nil {
		r.logger.Error("could not note that the state is damaged", "error", err)
	}
}

// canRebuild tells whether a start now could make the state anew: from a log that has everything, or with another voter's help.
func (r *Replica) canRebuild() bool {
	if first, err := r.log.FirstIndex(); err == nil && first == 1 {
		return true
	}
	for _, m := range r.cluster.Voters() {
		if m.ID != r.cluster.LocalID() && r.connected.since(m.ID, time.Now()) {
			return true
		}
	}
	return false
}

// EndedByDamage says of an error that a member ends with whether the next start would repair what caused it (ErrDamaged), and notes
// that for it.
func (r *Replica) EndedByDamage(err error) error {
	switch {
	case errors.Is(err, ErrDamaged):
	case errors.Is(err, storage.ErrCorrupt):
		r.noteDamage()
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case errors.Is(err, log.ErrCorrupt): // a start reads all of it
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}
