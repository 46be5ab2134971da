package recipes

import (
	"context"

	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// lockService is v3lockpb.Lock.
type lockService struct {
	v3lockpb.UnsafeLockServer
	services *Channel
}

// Lock waits until the caller's lease holds the lock. The key that it returns
// ends with the lease; without a lease of the caller's own that is a minute.
func (s *lockService) Lock(ctx context.Context, r *v3lockpb.LockRequest) (*v3lockpb.LockResponse, error) {
	c := newClient(ctx, s.services)
	defer c.end()
	session, err := c.session(ctx, r.GetLease())
	if err != nil {
		return nil, err
	}
	m := concurrency.NewMutex(session, string(r.GetName()))
	if err := m.Lock(ctx); err != nil {
		return nil, err
	}
	return &v3lockpb.LockResponse{Header: m.Header(), Key: []byte(m.Key())}, nil
}

// Unlock deletes the key that Lock returned, whoever asks; there being none is
// no error.
func (s *lockService) Unlock(ctx context.Context, r *v3lockpb.UnlockRequest) (*v3lockpb.UnlockResponse, error) {
	c := newClient(ctx, s.services)
	defer c.end()
	resp, err := c.Delete(ctx, string(r.GetKey()))
	if err != nil {
		return nil, err
	}
	return &v3lockpb.UnlockResponse{Header: resp.Header}, nil
}
