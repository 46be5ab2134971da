// Package grpcproxy stands between clients and a cluster: one connection to
// the cluster for many clients, and one watch for all that watch the same.
// It is what `etcd grpc-proxy start` runs.
//
// It keeps no data: a read is always answered by a member, a serializable one
// too. (etcd's proxy answers those from a cache that does not see writes made
// elsewhere.) It knows no users: whom a call is from is told to the cluster
// with each call, by the token the client sent.
//
// Read first: [Proxy]. What the proxy has no business with is handed through
// as bytes, by forwarder; the services it looks into are kv.go (only with a
// namespace, ordering or leasing), watch.go and members.go.
//
// Invariants:
//
//	I1. A watch gets every event from its start on, once, in order, whether it
//	    shares a watch of the cluster or not.
//	I2. Watches share only with callers of the same token: what one may see
//	    the other may. Joining asks the cluster first, so a permission that
//	    was taken away is missed by nobody who comes after.
//	I3. With a namespace, no key outside it is read, written or shown.
//	I4. A client that does not read costs a bounded queue, and delays nobody
//	    else.
//
// Concurrency: everything is safe from any goroutine.
package grpcproxy
