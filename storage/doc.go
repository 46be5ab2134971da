// Package storage is a member's state: revisions of keys, leases, watchers,
// the tree of API 2 and the small records of the cluster, in one engine.
//
// Read Store first, then Batch. The state is changed only by the apply loop,
// and only by a Batch: everything a run of log entries changes is committed
// at once with the index of the last of them, so that what a crash leaves is
// always the state at one index. The package knows no log, no clock but the
// engine's flush interval, and no wire format but the key-value messages.
//
// Invariants:
//
//	I1. Applied never goes back, but by InstallSnapshot.
//	I2. DurableApplied is never ahead of what a crash would leave; the log may
//	    forget entries up to it and no further.
//	I3. A reader finishes on the state it began on, also when InstallSnapshot
//	    replaces it meanwhile.
//	I4. Open and InstallSnapshot fail before they have changed anything when
//	    the folder is damaged or was written by something else.
//
// Readers may be called from any goroutine. NewBatch, Batch, Tx and
// InstallSnapshot belong to the apply loop, with one batch at a time. Formats:
// docs/disk-format.md.
package storage
