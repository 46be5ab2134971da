// Package workload says what an operation is: the requests of one benchmark, with seeded keys and
// values, over bare gRPC connections.
//
// It does not decide when an operation starts (package driver) nor who answers (package target).
// Read Workload first; Keys and Values make the data.
//
// Invariants:
//
//	I1  What operation n sends depends on the seed and n alone, so two targets get the same requests
//	    whatever their speed.
//	I2  The values of two operations differ (etcd's own tool sends one value throughout, which no
//	    compression or disk figure survives).
//	I3  A client allocates no request per operation: the load generator shares the machine with the
//	    servers, and what it burns they lack.
//
// Concurrency: a Workload belongs to one goroutine; each client it makes to the goroutine running it.
package workload
