// Package discovery finds the founders of a cluster: by the SRV records of a
// DNS domain, or by a registry in another cluster, where each founder writes
// its name and waits for the others.
//
// It knows keys and records in etcd's form, so petcd and etcd can share a
// registry's cluster. It refuses to decide who votes: what it finds is what
// --initial-cluster would have said.
//
// Read first: [FromDNS] and [Registry.Join].
//
// Invariants:
//
//	I1. All founders of a registry's cluster find the same ones: the first to
//	    be written, as many as the cluster has.
//	I2. A member that is not one of them is told so, and joins nothing.
//
// Concurrency: the functions are safe from any goroutine and start none that
// outlives them.
package discovery
