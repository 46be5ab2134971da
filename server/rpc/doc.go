// Package rpc serves gRPC's services on HTTP/2 connections, for clients of any kind. It does what grpc-go's server does, with the
// same descriptors, interceptors, status texts and codes, at a small part of the cost of a call: frames are made where they
// come up and leave a connection together, a call's head is compared to the last one's instead of read, and goroutines are used
// again with the stacks that they have.
//
// It knows gRPC and HTTP/2, and no service. It opens no socket and does no handshake. It leaves out what petcd's server does
// not use: stats handlers, channelz, binary logs, taps, unknown-service handlers, ages of connections.
//
// Read first: [Server], then conn, which names the goroutines; frames.go is what comes in, output.go what goes out, and stream
// is a call.
//
// What it refuses, since it faces whoever reaches the port (limits.go has the numbers):
//
//   - Breaks of HTTP/2's rules: the connection's end with GOAWAY, or the stream's with RST_STREAM.
//   - Floods: header blocks that are large or in too many pieces, frames that carry nothing, pings more often than allowed,
//     answers that are caused and not read.
//   - Streams opened and given up faster than their handlers notice: new ones are refused while too many of them run.
//
// Invariants:
//
//	I1. A connection's lock guards it and all of its streams. Nobody waits for a network or a handler while holding it.
//	I2. The reader never waits for the writer, so that a client's windows and resets are always taken. What it makes the
//	    connection send is short, and bounded: a client that does not read it is cut.
//	I3. A stream that its client does not read holds up itself alone, with one message. Handlers wait for each other only while
//	    the write buffer is full, and a client that does not take what is written is cut.
//	I4. Header blocks are made in the order in which they are sent, under the lock: the client's HPACK table depends on it.
//	I5. When Stop returned, no handler runs and no goroutine is left.
//
// Not bounded is what handlers hold while they run, and the message that each stream has to send; MaxConcurrentStreams limits
// their number.
//
// Concurrency: a Server is safe for use by any goroutine once services are registered.
package rpc
