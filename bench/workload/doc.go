// Package workload says what an operation is: the requests of one benchmark, with seeded keys and
// values, over bare gRPC connections, and what a right answer to each is.
//
// It does not decide when an operation starts (package driver) nor who answers (package target).
// Read Workload first; Keys and Values make the data. Kube is many kinds of operation at once.
//
// Invariants:
//
//	I1  What operation n sends depends on the seed and n alone, so two targets get the same requests
//	    whatever their speed. (Objects of Kube also hold the instant of their write.)
//	I2  The values of two operations differ (etcd's own tool sends one value throughout, which no
//	    compression or disk figure survives).
//	I3  A client of a throughput case allocates no request per operation: the load generator shares the
//	    machine with the servers, and what it burns they lack.
//	I4  Every answer is checked: a wrong one is ErrAnswer, and counts as an operation that failed. Events
//	    are counted exactly: one too few fails its write, one too many is Surplus.
//
// Concurrency: a Workload belongs to one goroutine; each client it makes to the goroutine running it.
package workload
