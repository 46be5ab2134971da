// Package tlsconfig makes the TLS configurations of a member's ports and of
// its connections to other members, from the files and rules of its flags.
//
// It refuses to listen, to dial, and to know what is served. Peers' addresses
// are checked here ([CheckAddress]) but by those who accept them.
//
// Read first: [Source]. Then watched, which is how a file's change shows.
//
// Invariants:
//
//	I1. Every handshake uses the files as they are now. A file that changed
//	    and cannot be used leaves what was read before in force, and is
//	    logged; at the start it is an error.
//	I2. No session is resumed: each handshake is judged by the present CA
//	    bundle, revocation list and rules.
//	I3. A revoked certificate is refused inside the handshake, so there is no
//	    kind of listener that could forget it.
//	I4. Errors about what the flags say have etcd's words.
//
// Concurrency: everything is safe from any goroutine. Nothing runs in the
// background: files are looked at when a handshake begins.
package tlsconfig
