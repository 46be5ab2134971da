// Package v2copy moves the keys of API 2 between clusters: out of a cluster over HTTP or out of a data directory, into a file
// or over HTTP into another cluster, of petcd or of etcd. Read [Tree] first.
//
// What moves is what clients see of keys: values, directories, when they expire. The indexes are the receiving cluster's own.
// Whoever needs them the same restores the data directory instead (package backup). Users and roles of API 2 do not move: over
// HTTP nobody gets their passwords' hashes, and a copy without would be a cluster that is open.
//
// # Format
//
// A file is one JSON object:
//
//	{"format": "petcd-v2-tree/1", "index": N, "nodes": [
//	  {"key": "/dir", "dir": true, "expiration": "2030-01-02T03:04:05.6Z", "createdIndex": N, "modifiedIndex": N},
//	  {"key": "/dir/file", "value": "text", …}]}
//
// index is the tree's, X-Etcd-Index; it and the nodes' are for the reader's information. A directory comes before what is in
// it. A file without a value has the empty one. An expiration is a time, never a time to live, so that an export may lie around.
//
// Invariants:
//
//	I1. An import changes nothing that is there, unless it is told to, and finds out before it writes.
//	I2. What has expired by the time of the import stays away.
//	I3. No file and no answer of a server makes it panic.
//
// Concurrency: none; one run moves one tree.
package v2copy
