// Package driver applies load: it decides when each operation starts and records how long it took.
//
// It knows nothing of etcd; an operation is a function. Read Run first.
//
// Two kinds of load:
//
//   - Closed loop (Load.Rate 0): every client starts its next operation when the last one ended. It
//     finds the highest throughput, but hides stalls: a client that waits sends nothing.
//   - Open loop (Load.Rate > 0): operation i is due at start + i/rate whatever the server does, as
//     users are. Its latency counts from when it was due, also when no client was free to send it then.
//
// Invariants:
//
//	I1  Every operation number below the limit is given to exactly one client, once.
//	I2  In an open loop a latency counts from the intended start, so a stall of the server shows in
//	    every operation due meanwhile (no coordinated omission).
//	I3  What is recorded for a second began, or was due, in it; a second without operations is there, and empty.
//	I4  An operation that failed is counted as an error and has no latency.
//
// Concurrency: Run starts one goroutine per client and returns after all have ended.
package driver
