package transport

import "errors"

var (
	// ErrIncompatible is the answer of, and to, a member whose version can't work with ours.
	ErrIncompatible = errors.New("incompatible version")

	// ErrClusterID is the answer of, and to, a member of another cluster.
	ErrClusterID = errors.New("cluster ID mismatch")

	// ErrRemoved is the answer of a cluster to a member it has removed.
	ErrRemoved = errors.New("the member has been permanently removed from the cluster")

	// ErrTooLarge is a message whose length is beyond its cap.
	ErrTooLarge = errors.New("transport: message too large")

	// ErrMalformed is a stream that doesn't follow its format.
	ErrMalformed = errors.New("transport: malformed message")
)
