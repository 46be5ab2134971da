package watch

import "errors"

var (
	// ErrEmptyRange refuses a watch whose range can hold no key. The text is etcd's.
	ErrEmptyRange = errors.New("mvcc: watcher range is empty")
	// ErrDuplicateID refuses a second watch of the same id in a group. The text is etcd's.
	ErrDuplicateID = errors.New("mvcc: duplicate watch ID provided on the WatchStream")
	// ErrClosed says that the group or the store is closed.
	ErrClosed = errors.New("watch: closed")
)
