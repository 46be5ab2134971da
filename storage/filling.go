package storage

import (
	"fmt"
	"io"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/snapshot"
)

// Filling makes an engine out of something saved, in the folder name of parent,
// which does not exist. On error it leaves nothing.
type Filling func(parent, name string, o Options) error

// FromArchive fills from what Snapshot wrote and a server has sent: the SHA-256
// that it appends may follow.
func FromArchive(r io.Reader) Filling {
	return func(parent, name string, o Options) error {
		h, err := snapshot.UnpackFile(r, o.FS, parent, name)
		if err != nil {
			return err
		}
		// The archive says itself what is in it; an engine that says otherwise
		// was not written by us.
		applied, err := engine.Inspect(o.FS.PathJoin(parent, name), o.engine(), nil)
		if err == nil && (applied != schema.Applied{Index: h.Index, Term: h.Term, Revision: h.Revision}) {
			err = fmt.Errorf("%w: the archive's header does not describe what is in it", ErrCorrupt)
		}
		if err != nil {
			return dropped(err, o.FS, parent, name)
		}
		return nil
	}
}

// FromNothing fills with what a new store holds.
func FromNothing() Filling {
	return func(parent, name string, o Options) error {
		if err := createEmpty(o.FS.PathJoin(parent, name), o); err != nil {
			return dropped(err, o.FS, parent, name)
		}
		return nil
	}
}
