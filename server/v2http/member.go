package v2http

import (
	"context"
	"time"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// Member is what the handlers ask of the member.
type Member interface {
	Tree
	// ProposeV2 makes a change of the tree, and returns once it is applied here. A refusal is a *v2store.Error.
	ProposeV2(ctx context.Context, r *v2pb.Request) (*v2store.Event, error)
	// ReadBarrier returns once the tree has everything that was acknowledged before the call.
	ReadBarrier(ctx context.Context) error

	Cluster() *membership.Cluster
	AddMember(ctx context.Context, peerURLs []string, learner bool) (*membership.Member, []*membership.Member, error)
	RemoveMember(ctx context.Context, id uint64) ([]*membership.Member, error)
	UpdateMember(ctx context.Context, id uint64, peerURLs []string) ([]*membership.Member, error)

	Status() replica.Status
	// LeaderSince is when the present leader was first seen.
	LeaderSince() time.Time
	// Traffic is what went between the members.
	Traffic() transport.Stats
}

// Tree is the replicated tree, as far as this member has applied the log. Paths have their namespace. The errors of
// requests that were refused are of type *v2store.Error; any other is the engine's.
type Tree interface {
	Get(path string, recursive bool, now time.Time) (*v2store.Event, error)
	// Watch sees changes from index since on, 0 standing for the next.
	Watch(path string, recursive, stream bool, since uint64) (Watcher, error)
	Stats() v2store.Stats
}

// Watcher is a place in the tree's history.
type Watcher interface {
	// Next waits for the next change that is watched. After an error there are no more: it is *v2store.Error when the history
	// is gone, v2store.ErrWatchEnded at the end, ctx's, or the engine's.
	Next(ctx context.Context) (*v2store.Event, error)
	// StartIndex is the tree's index when the watch began.
	StartIndex() uint64
	Close()
}
