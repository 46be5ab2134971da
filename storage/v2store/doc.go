// Package v2store is the tree of API 2: directories and files with an index of
// their own, times to live, and the last 1000 events for those who watch.
//
// Read Tree first (what readers use), then Writer (what the apply loop uses),
// then Hub (who watches). What a request does, in which order it is checked and
// what a refusal says is etcd 3.4's; where that is odd, a comment says so.
//
// There is no clock here: a request brings the time, and that something has
// expired is the leader's decision and reaches the tree as an Expire in the
// log. The tree is not held in memory: a node is a record, and so is an event.
// What is in memory are nodes that were used lately and the newest events, both
// within a bound of bytes.
//
// Invariants:
//
//	I1. The parent of a node that exists exists, and is a directory. The roots
//	    "/", "/0" and "/1" always exist, are never changed, and have no record.
//	I2. Each change raises the index by one and leaves one event with that index.
//	I3. A node has a record in the expiries table, under its expiration, if and
//	    only if it has one.
//	I4. What readers and watchers see is what the last committed batch left.
//	I5. A watcher sees each event that it asked for once, in order of the index,
//	    or ends with CodeIndexCleared.
//
// A Tree and a Hub are safe from any goroutine. A Writer belongs to the apply
// loop.
package v2store
