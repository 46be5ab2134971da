package v2http

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// alone is a member without a log: what is proposed is applied at once to a real store in memory.
type alone struct {
	store   *storage.Store
	cluster *membership.Cluster
	applied uint64
}

// newAlone opens an empty store.
func newAlone(t testing.TB) *alone {
	s, err := storage.Open("alone", storage.Options{FS: vfs.NewMem(), FlushInterval: -1, MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &alone{store: s, cluster: membership.New(1, 2, 1)}
}

func (a *alone) ProposeV2(_ context.Context, r *v2pb.Request) (*v2store.Event, error) {
	// As the log would carry it.
	r, err := v2pb.FromEntry(v2pb.Entry(nil, r))
	if err != nil {
		return nil, err
	}
	b := a.store.NewBatch()
	event, refusal := apply.V2(b.V2(), r)
	a.applied++
	if err := b.Commit(a.applied, 1); err != nil {
		return nil, err
	}
	return event, refusal
}

func (a *alone) Get(path string, recursive bool, now time.Time) (*v2store.Event, error) {
	return a.store.V2Get(path, recursive, now)
}

func (a *alone) Watch(path string, recursive, stream bool, since uint64) (Watcher, error) {
	return a.store.V2Watch(path, recursive, stream, since)
}

func (a *alone) Stats() v2store.Stats              { return a.store.V2Stats() }
func (a *alone) ReadBarrier(context.Context) error { return nil }
func (a *alone) Cluster() *membership.Cluster      { return a.cluster }
func (a *alone) Status() replica.Status            { return replica.Status{} }
func (a *alone) LeaderSince() time.Time            { return time.Time{} }
func (a *alone) Traffic() transport.Stats          { return transport.Stats{} }

// errNoLog is what changes of members fail with.
var errNoLog = errors.New("there is no log")

func (a *alone) AddMember(context.Context, []string, bool) (*membership.Member, []*membership.Member, error) {
	return nil, nil, errNoLog
}
func (a *alone) RemoveMember(context.Context, uint64) ([]*membership.Member, error) {
	return nil, errNoLog
}
func (a *alone) UpdateMember(context.Context, uint64, []string) ([]*membership.Member, error) {
	return nil, errNoLog
}
