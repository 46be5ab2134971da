// Package v2pb is the wire form of an API 2 request in the log: etcd's
// etcdserverpb.Request, which etcd's API module no longer has, and the field
// of InternalRaftRequest that carries it.
//
// Read Request first. codec.go writes and reads it, with keys and values of any
// bytes; the tests hold it to bytes that etcd wrote. The package refuses to know
// what a request does.
package v2pb
