// Package listener opens a member's sockets, does the TLS handshakes, and lets
// gRPC and plain HTTP share one client port.
//
// It knows URLs, sockets and the first bytes of a connection; it serves
// nothing, and whose certificate is good is decided elsewhere. Without TLS
// every HTTP/2 connection opens with a fixed preface (RFC 9113, 3.4) that no
// HTTP/1 request can begin with, so a few bytes tell the two apart: what opens
// with it is gRPC's, the rest is plain HTTP's. With TLS the handshake tells:
// who offers nothing but HTTP/2 is gRPC's.
//
// Read first: [Split]; then pending, which bounds what silent clients cost.
//
// Invariants:
//
//	I1. A connection handed on has lost no byte and carries no deadline of
//	    ours.
//	I2. A client that sends nothing, or stops within the preface or the
//	    handshake, holds a socket for at most ShowTimeout, and at most
//	    PendingMax of them do.
//	I3. What a port hands on under TLS is a *tls.Conn whose handshake is done,
//	    so that its certificate can be asked for.
//
// Concurrency: everything is safe from any goroutine. A Splitter runs one
// goroutine that accepts and, until it is known what it is, one per connection.
package listener
