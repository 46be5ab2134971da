package etcddir

import "errors"

var (
	// ErrCorrupt says that a file is damaged.
	ErrCorrupt = errors.New("etcddir: damaged")
	// ErrNotEtcd says that a folder is no member's data directory of etcd.
	ErrNotEtcd = errors.New("etcddir: not a data directory of etcd")
)
