package config

import "errors"

var (
	// ErrHelp says that the arguments ask for the help text, not for a
	// member.
	ErrHelp = errors.New("config: help requested")
	// ErrVersion says that the arguments ask for the version.
	ErrVersion = errors.New("config: version requested")
	// ErrUsage marks a command line that does not parse: the program prints
	// its usage and exits with 2, as the flag package has it.
	ErrUsage = errors.New("config: bad command line")

	// ErrAdvertiseClientURLs is etcd's complaint about a member that
	// listens somewhere explicit and would advertise the default.
	ErrAdvertiseClientURLs = errors.New("--advertise-client-urls is required when --listen-client-urls is set explicitly")
	// ErrConflictingBootstrap is etcd's complaint about two ways to find
	// the first members.
	ErrConflictingBootstrap = errors.New("multiple discovery or bootstrap flags are set. " +
		"Choose one of \"initial-cluster\", \"discovery-endpoints\" or \"discovery-srv\"")
	// ErrNotBuilt marks a flag of etcd that this release only knows at its
	// default.
	ErrNotBuilt = errors.New("not supported by this release of petcd")
)

// usageError carries the flag package's message without a prefix of ours.
type usageError struct{ err error }

// Error is the message to print above the usage.
func (e *usageError) Error() string { return e.err.Error() }

// Is makes the error an ErrUsage.
func (e *usageError) Is(target error) bool { return target == ErrUsage }
