// Package server is one member, whole: it opens the sockets, the replica and everything that stands on it, in the order in
// which they need each other, and closes them in the reverse.
//
// It refuses to hold logic of its own: it is wiring.
//
// Read first: [Start].
//
// Invariants:
//
//	I1. Clients are served only once the member has reached a quorum and published itself; their sockets are open before.
//	I2. When Close returned, no goroutine of the member runs, and its data directory may be opened again.
//
// Concurrency: Close may be called from any goroutine, any number of times.
package server
