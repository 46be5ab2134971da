package turn

import "errors"

var (
	// ErrSettings means that a turn cannot be run with the settings asked for.
	ErrSettings = errors.New("turn: impossible settings")
	// ErrResult means that a target ended up with something other than what was written to it.
	ErrResult = errors.New("turn: wrong result")
)
