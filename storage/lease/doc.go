// Package lease is the replicated lease table: which leases exist, with what
// TTL, and which keys are attached to them.
//
// Read Table first (what readers use), then Writer (what the apply loop uses).
// There is no clock here: that a lease has run out is the leader's decision,
// and reaches this table as a Revoke in the log.
//
// Leases are few and small, so all of them are in memory; the keys attached to
// them are not.
//
// Invariants:
//
//	I1. A live key with a lease has exactly one record in the lease keys
//	    table, under that lease; a key without one has none. The caller of
//	    Attach and Detach, who sees keys' heads, keeps it.
//	I2. What readers see is what the last committed batch left.
//
// A Table is safe from any goroutine. A Writer belongs to the apply loop.
package lease
