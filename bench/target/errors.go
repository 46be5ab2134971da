package target

import "errors"

var (
	// ErrSpec means that the text naming a target cannot be understood.
	ErrSpec = errors.New("target: unknown target")
	// ErrRemote means that an operation needs the server processes, but only endpoints were given.
	ErrRemote = errors.New("target: not possible with given endpoints")
	// ErrNoRestore means that no program beside the server restores snapshots.
	ErrNoRestore = errors.New("target: no etcdutl or etcdctl beside the server")
	// ErrNoFollower means that there is no member that follows.
	ErrNoFollower = errors.New("target: no follower")
	// ErrNoLeader means that no member says it leads.
	ErrNoLeader = errors.New("target: no leader among the endpoints")
)
