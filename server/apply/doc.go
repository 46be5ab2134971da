// Package apply turns one log entry into a change of the state and an answer. It is where etcd's semantics of put, delete,
// range, txn, compaction, leases, alarms and cluster attributes are written down.
//
// It refuses to know about Raft, the network, clients or time. What differs between members (how much space is left) comes
// in as a verdict and influences only the answer, never the change.
//
// Read first: [Applier.Apply], one switch over the kinds of entries.
//
// Invariants:
//
//	I1. The change is a function of the state and the entry alone: no clock, no randomness, no map order.
//	I2. An entry whose answer is an error changed nothing, but for ErrNoSpace given by the quota: that write was made.
//	I3. No entry makes it panic. One that this release does not know changes nothing, and says so in the log.
//	I4. A txn is checked in whole before its first write, so that it cannot fail in the middle.
//
// Concurrency: one goroutine (the apply loop) owns an Applier. Range and ReadTxn are functions for any goroutine. Alarms
// may be read from any goroutine.
package apply
