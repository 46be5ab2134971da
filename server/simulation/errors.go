package simulation

import "errors"

var (
	// ErrViolated means that the cluster broke a promise.
	ErrViolated = errors.New("simulation: a promise was broken")

	// errInjected marks what a simulated disk made fail.
	errInjected = errors.New("injected")
)
