package target

import (
	"context"
	"fmt"
)

// Follower is the number of a member that does not lead.
func (t *Target) Follower(ctx context.Context) (int, error) {
	leader, err := t.Leader(ctx)
	if err != nil {
		return 0, err
	}
	for i, ep := range t.Endpoints {
		if ep != leader {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: every member leads", ErrNoFollower)
}

// StopMember ends one member as an operator would.
func (t *Target) StopMember(i int) error {
	if !t.Local() {
		return fmt.Errorf("%w: stop a member", ErrRemote)
	}
	if err := t.cluster.Member(i).Stop(stopTimeout); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	return nil
}

// StartMember starts a stopped member; it is not ready yet.
func (t *Target) StartMember(i int) error {
	if !t.Local() {
		return fmt.Errorf("%w: start a member", ErrRemote)
	}
	if err := t.cluster.Member(i).Start(); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	return nil
}
