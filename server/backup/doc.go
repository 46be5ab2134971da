// Package backup does offline what one does with a saved snapshot: look at it, make a member's data directory of it, and
// turn petcd's archive into a database that etcd's tools restore. Files are petcd's archive and the bbolt database of etcd
// 3.4 to 3.7; how a file begins tells which.
//
// It knows both sides' small records (members, alarms, users, the cluster version) and translates them; keys and leases are
// storage's.
//
// It refuses to touch a directory that holds anything, to trust a file whose checksum is missing or wrong unless told so, and
// to talk to a server.
//
// Read first: [Restore], then [Convert].
//
// Invariants:
//
//	I1. What comes out exists under its name only when it is whole and synced. On error nothing is left.
//	I2. Memory does not grow with the file, but by one exception: the status of etcd's database counts its live keys by name,
//	    as etcd's tools do.
//	I3. No file makes it panic.
//
// Concurrency: functions may run at the same time on different files.
package backup
