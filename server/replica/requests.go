package replica

import (
	"errors"
	"fmt"
	"log/slog"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// WithRequests fills a state as fill and edit do, and then applies requests to it, as those that a log holds beyond what the
// filling is made of. The index that the state comes out with is the caller's to set.
func WithRequests(fill storage.Filling, edit func(*storage.Edit) error, requests []*pb.InternalRaftRequest) storage.Filling {
	if len(requests) == 0 {
		return fill
	}
	return func(parent, name string, o storage.Options) (err error) {
		state := o.FS.PathJoin(parent, "image")
		defer func() {
			if remove := o.FS.RemoveAll(state); err == nil {
				err = remove
			}
		}()
		if err := storage.Restore(state, o, fill, edit); err != nil {
			return err
		}
		o.Still = true
		store, err := storage.Open(state, o)
		if err != nil {
			return err
		}
		err = applyRequests(store, requests)
		if err == nil {
			err = store.Flush()
		}
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		engine, err := storage.EngineFolder(o.FS, state)
		if err != nil {
			return err
		}
		return o.FS.Rename(o.FS.PathJoin(state, engine), o.FS.PathJoin(parent, name))
	}
}

// applyRequests applies each request in a batch of its own, which is slow and right: a change of users must not share one.
func applyRequests(store *storage.Store, requests []*pb.InternalRaftRequest) error {
	m, logger := config.Default(), slog.New(slog.DiscardHandler)
	users, err := auth.New(auth.Config{
		Token: m.AuthToken, BcryptCost: int(m.BcryptCost), WaitApplied: (&appliedIndex{}).wait, Logger: logger,
	})
	if err != nil {
		return err
	}
	cluster := membership.New(0, 0, m.MaxLearners)
	applier := apply.New(apply.Config{Cluster: cluster, Auth: users, Logger: logger})
	if err := errors.Join(cluster.Load(store), applier.Load(store)); err != nil {
		return err
	}
	index, term := store.Applied()
	for i, req := range requests {
		b := store.NewBatch()
		if _, err := applier.Apply(b, req, false); err != nil {
			return errors.Join(fmt.Errorf("replica: request %d of %d: %w", i+1, len(requests), err), b.Close())
		}
		if err := b.Commit(index, term); err != nil {
			return err
		}
		users.Publish()
	}
	return nil
}
