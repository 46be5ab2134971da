package membership

import "errors"

// Errors of configuration changes, in etcd's words. The first five are decided while an entry is applied, so every member
// answers the same; the sixth before a change is proposed.
var (
	ErrIDRemoved       = errors.New("membership: ID removed")
	ErrIDExists        = errors.New("membership: ID exists")
	ErrIDNotFound      = errors.New("membership: ID not found")
	ErrPeerURLExists   = errors.New("membership: peerURL exists")
	ErrNotLearner      = errors.New("membership: can only promote a learner member")
	ErrTooManyLearners = errors.New("membership: too many learner members in cluster")

	// ErrBadPeerURLs is returned for peer URLs that do not parse.
	ErrBadPeerURLs = errors.New("membership: bad peer URLs")

	// ErrBadChange is the answer to a committed change that cannot be read. It changes nothing.
	ErrBadChange = errors.New("membership: malformed configuration change")

	// ErrBadVersion is the answer to a cluster version that is none. It changes nothing.
	ErrBadVersion = errors.New("membership: malformed cluster version")

	// ErrCorrupt marks a record of a member or of the cluster that cannot be decoded.
	ErrCorrupt = errors.New("membership: damaged record")

	// ErrMismatch is returned when a new member's --initial-cluster and the running cluster disagree.
	ErrMismatch = errors.New("membership: initial cluster does not match the running cluster")

	// ErrUnreachable is returned when no peer told a joining member who belongs to the cluster.
	ErrUnreachable = errors.New("membership: no peer answered")
)
