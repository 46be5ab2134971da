// Command bench measures petcd beside the real etcd: both in one run, in turns, under the same load.
//
// It starts the clusters itself (or takes endpoints), applies a closed or open load over gRPC, and
// reports throughput, latency percentiles, the servers' CPU time per operation and memory, and bytes
// on disk, as a table and as JSON. It reaches the store over the wire only.
//
// Read turns.go first: it holds the one sequence every measurement follows. cases.go names what is
// measured, bigstore.go the run with a million keys.
package main
