// Package engine is the state engine: one Pebble database without a
// write-ahead log of its own, under the key order of package schema.
//
// The Raft log makes writes durable, so the engine never syncs a write. After
// a crash it holds a prefix of the batches that were committed to it; the log
// is replayed from there. Read DB first.
//
// It refuses to know what a record means: it moves bytes and says how far
// what it holds is durable. Nothing outside this package imports Pebble
// (package vfs, the seam for tests, excepted).
//
// Invariants:
//
//	I1. Every batch of the apply loop carries the applied record, so what
//	    survives a crash is one state of the log's history, exactly.
//	I2. DurableApplied is never ahead of what a crash would leave.
//	I3. Nothing is ever ingested into a live engine: an ingested table can
//	    survive a crash that an older write did not.
//	I4. Open fails with ErrCorrupt or ErrForeign before it has changed a byte.
//
// Reads are safe from any goroutine, also while batches are committed. A
// Batch belongs to one goroutine. Close waits for no reader: the owner of the
// DB closes every Iter first.
package engine
