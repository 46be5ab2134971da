// Package v2pb is the wire form of an API 2 request in the log: etcd's
// etcdserverpb.Request, which etcd's API module no longer has, and the field
// of InternalRaftRequest that carries it.
//
// It is generated from request.proto by `make generate`; entry.go and text.go
// are written by hand. It refuses to know what a request does.
package v2pb
