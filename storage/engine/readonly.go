package engine

import (
	"context"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// OpenReadOnly opens the engine in dir, usually a checkpoint, for reading. Its
// batches cannot be committed, and nothing in dir is changed but that a lock
// file may appear.
func OpenReadOnly(dir string, o Options) (*DB, error) {
	o = o.withDefaults()
	po := o.pebbleOptions()
	po.ReadOnly = true
	po.ErrorIfNotExists = true
	po.Logger = logger{l: slog.New(slog.DiscardHandler)}
	pdb, err := pebble.Open(dir, po)
	if err != nil {
		return nil, wrap("open read-only", err)
	}
	_, cancel := context.WithCancel(context.Background())
	unwatched := func() error { return nil } // what writes nothing needs no watch
	return &DB{dir: dir, log: o.Logger, pdb: pdb, unwatch: unwatched, stop: cancel, closed: make(chan struct{})}, nil
}
