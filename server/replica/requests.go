package replica

import (
	"errors"
	"fmt"
	"log/slog"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

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

// applyRequests applies requests to a state, one after the other.
func applyRequests(store *storage.Store, requests []*pb.InternalRaftRequest) error {
	p, err := newReplay(store, identity{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	for i, req := range requests {
		if err := p.request(req); err != nil {
			return fmt.Errorf("replica: request %d of %d: %w", i+1, len(requests), err)
		}
	}
	return nil
}
