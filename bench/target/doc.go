// Package target provides what is measured: a fresh cluster of petcd's or a real etcd's server
// processes, or a running cluster at given endpoints.
//
// It sends no load; see package driver. Read Spec first (what the user asked for), then Target (one
// cluster that runs).
//
// Invariants:
//
//	I1  Two targets of one run get the same flags, member count and fresh folders.
//	I2  Close ends every process Start began, and removes its data unless told to keep it.
//
// Concurrency: a Target belongs to one goroutine; the connections it opens may be shared.
package target
