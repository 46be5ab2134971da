// Package gateway passes TCP connections on to a cluster's members: what
// `etcd gateway start` runs. Clients of a host dial it, and need not know
// where the members are.
//
// It looks into no byte of what it passes on, so TLS goes through it from end
// to end. It refuses to pass connections on to itself, and, when it was told
// to verify members, to any whose certificate is not good at the moment of the
// connection: not only at the start.
//
// Read first: [Gateway].
//
// Invariants:
//
//	I1. No connection goes to a member that was not verified for it, if
//	    verification is on.
//	I2. A member that cannot be reached is left alone until the retry delay
//	    has passed, unless no other is left.
//	I3. When one side of a connection has no more to say, the other hears so
//	    and may still answer.
//
// Concurrency: a Gateway runs one goroutine that accepts and two for each
// connection.
package gateway
