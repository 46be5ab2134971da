// Package servertest runs clusters of members inside one test process, with a network that can be cut and file systems that
// crash.
//
// Members are whole (package server), on loopback ports of their own. Their files are in memory: Kill loses what was not
// synced, as a power failure would. What a test asserts it asks through etcd's own client.
//
// Read first: [Cluster].
//
// Concurrency: a Cluster's methods belong to the test's goroutine; the network may be cut from any.
package servertest
