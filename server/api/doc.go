// Package api serves etcd's v3 gRPC services for one member: KV, Watch, Lease,
// Cluster, Maintenance, Auth and the gRPC health service.
//
// A service here checks a request's shape, hands it to the replica or reads the
// store, and fills the response header. It decides nothing about the data: what
// a request means is package apply's, whether it is committed is package
// replica's. Checks come in etcd's order, because a request that is wrong twice
// must fail with the same error.
//
// Read first: [Server], then kv.go; every RPC family has a file of its own.
//
// Invariants:
//
//	I1. An error that leaves this package is one of rpctypes' (text and code),
//	    a context's, or a status of code Unknown; errors.go is the only map.
//	I2. Nothing that a client sends makes a handler panic: every message is
//	    read through getters, every enum is checked before use.
//	I3. A watch stream is owned by one goroutine. A watch's "created" is sent
//	    before its events, and nothing is sent for it after its "canceled".
//	I4. A response is never changed after it was handed to gRPC, which may
//	    still be encoding it.
//
// Concurrency: a Server is safe for use by all of gRPC's goroutines. It starts
// none of its own but one receiver for each watch and keep-alive stream and,
// while streams ask for a leader, one that looks for it.
package api
