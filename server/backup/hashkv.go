package backup

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/petcd/petcd/storage"
)

// HashKV is etcd's hash of the keys and their history, under the names that etcd's tools give it.
type HashKV struct {
	Hash            uint32 `json:"hash"`
	HashRevision    int64  `json:"hashRevision"`
	CompactRevision int64  `json:"compactRevision"`
}

// ReadHashKV hashes what a snapshot holds up to a revision, 0 for the newest. It unpacks the snapshot into a temporary
// folder, which takes about as much room as the file.
func ReadHashKV(ctx context.Context, path string, revision int64, meter *Meter) (_ HashKV, err error) {
	s, err := openSource(path, meter)
	if err != nil {
		return HashKV{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	temp, err := os.MkdirTemp("", "petcd-hashkv-*")
	if err != nil {
		return HashKV{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	saved, err := storage.OpenSaved(temp, storage.Options{}, s.filling())
	if err != nil {
		return HashKV{}, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { err = errors.Join(err, saved.Close()) }()
	h, err := saved.HashKV(ctx, revision)
	if err != nil {
		return HashKV{}, err
	}
	return HashKV{Hash: h.Hash, HashRevision: h.Revision, CompactRevision: h.CompactRevision}, nil
}
