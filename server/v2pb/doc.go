// Package v2pb is the wire form of an API 2 request in the log: etcd's
// etcdserverpb.Request, which etcd's API module no longer has, and the field
// of InternalRaftRequest that carries it.
//
// Request is generated from request.proto by `make generate`. The log has it
// as codec.go writes it, which takes keys and values of any bytes; for text the
// generated form is the same, and the tests hold one to the other. The package
// refuses to know what a request does.
package v2pb
