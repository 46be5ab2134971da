package discovery

import "errors"

// What can be wrong with a registry's cluster; the texts are etcd's.
var (
	ErrInvalidURL   = errors.New("discovery: invalid peer URL")
	ErrBadSizeKey   = errors.New("discovery: size key is bad")
	ErrSizeNotFound = errors.New("discovery: size key not found")
	ErrFullCluster  = errors.New("discovery: cluster is full")
	ErrDuplicate    = errors.New("discovery: found duplicate urls")

	// ErrNotInRecords says that no SRV record is this member's.
	ErrNotInRecords = errors.New("discovery: cannot find local etcd member in SRV records")
)
