// Package v2http is API 2 as HTTP has it, below /v2/ on the client port: keys and their watches, machines, members and
// statistics. What it answers is etcd 3.4's, byte for byte: status codes, headers, the order of a body's fields, the causes of
// errors, and the order in which a request is looked at, which decides what the error is.
//
// It holds no state of a cluster: writes go through the log, reads and watches to the replicated tree ([Member]). It refuses to
// know what users may do: it asks a [Guard]. Host names and origins are looked at before a request comes here
// (httpapi's access control).
//
// Read first: [Handler.ServeHTTP], then keys.go, keyrequest.go and watch.go.
//
// Invariants:
//
//	I1. No handler touches the tree, the members or the statistics of the tree before the guard let the request pass.
//	I2. A request's body is read only as far as the largest request could need (Handler.bodyMax, memberBodyMax, authBodyMax).
//	I3. A watch holds no event but the one that it writes, has no goroutine but its connection's, and ends when its reader
//	    takes nothing for writeMax.
//	I4. An event that came from the tree is shared and never changed: what is sent is a copy without the namespace.
//
// Concurrency: handlers are safe from any goroutine.
package v2http
