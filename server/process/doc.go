// Package process runs etcd-compatible server binaries as child processes:
// petcd's own and the real etcd's alike, since both take the same flags.
// Conformance, robustness and benchmark runs stand on it.
//
// It refuses to look inside a server: it knows flags, signals, ports, files
// and the HTTP health page, nothing of keys, gRPC or Raft.
//
// Read Cluster first; a Member is one process and its folder.
//
// Layout under Config.Root, for a member named m0:
//
//	m0/data    the data dir handed to the server
//	m0/log     standard output and error of every run, appended
//
// Invariants:
//
//	I1. A child never outlives its parent (where the system can promise it,
//	    that is on Linux).
//	I2. Ports stay a member's own over restarts, and two members of one test
//	    binary never share one.
//	I3. Signals go to one process id that this package started and has not
//	    yet reaped.
//
// Concurrency: every method may be called from any goroutine; calls on one
// Member are serialized.
package process
