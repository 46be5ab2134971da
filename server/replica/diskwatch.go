package replica

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	// diskInterval is how often the state disk's health is looked at.
	diskInterval = 500 * time.Millisecond

	// giveUpEvery bounds how often a member gives leadership up for its disk: should all disks be bad, it must not go round.
	giveUpEvery = 15 * time.Second
)

// watchDisk tells of a state disk that fails or hangs, and makes a leader give leadership up, until ctx ends. The log may be
// well meanwhile: then the leader commits what it can't apply, and its clients wait. While there is no room, or the disk hangs,
// the member waits; an I/O error ends it, as it does of the log's: what such a disk says later is not to be relied on. The next
// start makes the state anew if it can: the error may be a sector that will never be read again.
func (r *Replica) watchDisk(ctx context.Context) {
	var bad bool
	var gaveUp time.Time
	for ctx.Err() == nil {
		err := r.store.Health()
		switch {
		case err != nil && !bad:
			r.logger.Error("the state disk is in trouble", "error", err)
		case err == nil && bad:
			r.logger.Info("the state disk works again")
		}
		bad = err != nil
		if bad && r.isLeader() && time.Since(gaveUp) >= giveUpEvery {
			r.logger.Warn("giving up leadership for the state disk's sake", "error", err)
			gaveUp = time.Now()
			r.Resign(ctx)
		}
		if errors.Is(err, syscall.EIO) {
			r.noteDamage()
			r.fail(fmt.Errorf("replica: the state disk is not to be relied on: %w", err))
			return
		}
		sleep(ctx, diskInterval)
	}
}

// DiskHealth is why the disk under the state cannot be relied on now, nil while it can.
func (r *Replica) DiskHealth() error { return r.store.Health() }
