package backup

import (
	"errors"
	"fmt"

	"github.com/petcd/petcd/storage/etcddb"
	"github.com/petcd/petcd/storage/snapshot"
)

// Status is what a snapshot holds, under the names that etcd's tools give it.
type Status struct {
	Hash      uint32 `json:"hash"`
	Revision  int64  `json:"revision"`
	TotalKey  int    `json:"totalKey"`
	TotalSize int64  `json:"totalSize"`
	Version   string `json:"version"` // of etcd's storage; empty before 3.6 and for petcd's archive
}

// ReadStatus verifies a snapshot and tells what is in it. A database of etcd without a sum at its end is taken as it is.
func ReadStatus(path string, meter *Meter) (_ Status, err error) {
	s, err := openSource(path, meter)
	if err != nil {
		return Status{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.db == nil {
		st, err := snapshot.Inspect(s.archive())
		if err != nil {
			return Status{}, fmt.Errorf("%s: %w", path, err)
		}
		return Status{Hash: st.Hash, Revision: st.Revision, TotalKey: int(st.Keys), TotalSize: st.Size}, nil
	}
	if err := s.verify(!s.db.HasSum()); err != nil {
		return Status{}, fmt.Errorf("%s: %w", path, err)
	}
	st, err := s.db.Status()
	if err != nil {
		return Status{}, fmt.Errorf("%s: %w", path, err)
	}
	return statusOf(st), nil
}

// statusOf renames the fields.
func statusOf(st etcddb.Status) Status {
	return Status{Hash: st.Hash, Revision: st.Revision, TotalKey: st.Keys, TotalSize: st.Size, Version: st.Version}
}
