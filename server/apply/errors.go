package apply

import "errors"

// Answers to entries that were refused. Those of keys and leases are storage's own sentinels.
var (
	// ErrKeyNotFound answers a put with ignore_value or ignore_lease on a key that does not exist.
	ErrKeyNotFound = errors.New("apply: key not found")

	// ErrNoSpace answers writes under the NOSPACE alarm, and the write that exceeded the quota.
	ErrNoSpace = errors.New("apply: no space")

	// ErrCorrupt answers everything that touches keys under the CORRUPT alarm.
	ErrCorrupt = errors.New("apply: corrupt cluster")

	// ErrUnknownRequest answers an entry of a kind that this release does not know.
	ErrUnknownRequest = errors.New("apply: unknown request")

	// ErrLeaseNotFound answers a put, a grant of id 0 or a revocation that names a lease which does not exist.
	ErrLeaseNotFound = errors.New("apply: lease not found")

	// ErrLeaseExists answers a grant of an id that is in use.
	ErrLeaseExists = errors.New("apply: lease already exists")

	// ErrLeaseTTLTooLarge answers a grant of more than LeaseTTLMax seconds.
	ErrLeaseTTLTooLarge = errors.New("apply: too large lease TTL")
)
