// Package etcddb reads and writes the database file of etcd 3.4 to 3.7: what
// its `snapshot save` writes and what lies in its member/snap/db.
//
// Read New and File.Walk first, then Row. The file is a bbolt database:
// pages of sorted entries in trees, a tree for each bucket. It is read by this
// package's own code and not by bbolt, which trusts its pages: a damaged one
// makes it panic, fault or run in circles, in goroutines of its own too. Here
// every page is checked before it is used, and each is visited once, so any
// file ends in an answer or in ErrCorrupt. A file is written by bbolt itself.
//
// The package refuses to decide what the entries are good for: it knows no
// engine and no cluster.
//
// Invariants:
//
//	I1. Reading changes nothing in the file and maps none of it into memory.
//	I2. No length or page number from the file is used before it is checked
//	    against the file's length.
//	I3. Walk visits a bucket's keys in strictly ascending order, or fails.
//	I4. A file that is being written carries another name until it is whole
//	    and synced.
//
// A File may be read from any goroutine. A Writer belongs to one.
package etcddb
