package etcddb

import "errors"

var (
	// ErrForeign says that a file is no database of etcd.
	ErrForeign = errors.New("not a database of etcd")
	// ErrCorrupt says that a database is damaged or cut off.
	ErrCorrupt = errors.New("damaged database of etcd")
	// ErrNoSum says that a file has no SHA-256 at its end, as one copied from a
	// data directory has not.
	ErrNoSum = errors.New("snapshot missing hash")
	// ErrSum says that the SHA-256 at the end of a file is not that of the rest.
	ErrSum = errors.New("snapshot hash does not match")
)
