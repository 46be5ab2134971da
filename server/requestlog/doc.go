// Package requestlog records what clients asked: as JSON lines in a file of its own (--request-log), and as the most expensive
// requests since the start (/debug/requests/expensive, with --enable-pprof).
//
// A record says who (user, certificate, address), what (method, key range, sizes), at what cost (time, bytes, keys, revision)
// and with which result. It holds no value, password or token: there is no field for one, and whoever fills a [Request] gives
// it keys and names only.
//
// It refuses to be a log of the server's own doings, to rotate its file (it appends, so that moving the file's content away
// is safe), and to sample.
//
// Read first: [Recorder].
//
// Invariants:
//
//	I1. Memory is bounded: the expensive requests are a fixed number, their keys are cut.
//	I2. A nil *Recorder is "off": whoever records checks for it, and pays for nothing else.
//
// Concurrency: every method may be called from any goroutine.
package requestlog
