package target

import "errors"

var (
	// ErrSpec means that the text naming a target cannot be understood.
	ErrSpec = errors.New("target: unknown target")
	// ErrRemote means that an operation needs the server processes, but only endpoints were given.
	ErrRemote = errors.New("target: not possible with given endpoints")
	// ErrNoLeader means that no member says it leads.
	ErrNoLeader = errors.New("target: no leader among the endpoints")
)
