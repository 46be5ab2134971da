// Package listener opens a member's sockets and lets gRPC and plain HTTP share
// one client port.
//
// It knows URLs, sockets and the first bytes of a connection; it serves
// nothing. Every HTTP/2 connection opens with a fixed preface (RFC 9113, 3.4)
// that no HTTP/1 request can begin with, so a few bytes tell the two apart:
// what opens with it is gRPC's, the rest is plain HTTP's.
//
// Read first: [Split].
//
// Invariants:
//
//	I1. A connection handed on has lost no byte and carries no deadline of
//	    ours.
//	I2. A client that sends nothing, or stops within the preface, holds a
//	    socket for at most SniffTimeout.
//
// Concurrency: everything is safe from any goroutine. A Splitter runs one
// goroutine that accepts and, until it is known what it is, one per connection.
package listener
