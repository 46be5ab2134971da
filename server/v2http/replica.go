package v2http

import (
	"time"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage/v2store"
)

// ReplicaMember is a replica as the handlers see it.
type ReplicaMember struct{ *replica.Replica }

var _ Member = ReplicaMember{}

// Get reads the tree.
func (m ReplicaMember) Get(path string, recursive bool, now time.Time) (*v2store.Event, error) {
	return m.Store().V2Get(path, recursive, now)
}

// Watch watches the tree.
func (m ReplicaMember) Watch(path string, recursive, stream bool, since uint64) (Watcher, error) {
	return m.Store().V2Watch(path, recursive, stream, since)
}

// Stats are the tree's counters.
func (m ReplicaMember) Stats() v2store.Stats { return m.Store().V2Stats() }
