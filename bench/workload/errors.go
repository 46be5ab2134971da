package workload

import "errors"

var (
	// ErrParameters means that sizes or counts do not fit together.
	ErrParameters = errors.New("workload: unusable parameters")
	// ErrAnswer means that a server answered something that cannot be right.
	ErrAnswer = errors.New("workload: wrong answer")
)
