// Package log keeps one member's Raft log on disk: entries, hard state, and one opaque record of the member's identity.
// Read Log first, then Open.
//
// It is a small Pebble store of its own with a synced write-ahead log; nothing but the Raft log is in it, so one fsync is
// one durable round of Raft. It refuses to guess: a log that is damaged (ErrCorrupt), that is something else (ErrForeign)
// or that had a failed write (ErrFailed) takes no writes, and Open leaves what it refuses as it was.
//
// # Format
//
// One Pebble store with the bytewise comparer. All integers are 8 bytes, big endian.
//
//	key               value
//	0x01              "petcd-raft-log" and one byte, the format's version (1)
//	0x02              the opaque metadata
//	0x03              hard state: term, vote, commit
//	0x04              begin: index and term of the entry before the first one, and the index up to which entries are erased
//	0x10, index       entry: term, one byte of entry type, data to the end
//
// Beside Pebble's files lies WATERMARK, two slots at offsets 0 and 512, written in turns: "petcdwm1", a sequence number,
// index of the last entry, term, vote, and the CRC-32C of all that. The slot with the higher number tells what was durable
// when it was written. It is written without a sync, so it may be old, never ahead.
//
// # Invariants
//
//	I1  Entries are contiguous from begin+1 to last.
//	I2  A write that returned nil with sync survives a crash. Writes survive in order: what is on disk after a crash is a
//	    prefix of the writes.
//	I3  The log holds at least what the watermark says. A log that holds less lost what it acknowledged: Pebble takes a
//	    damaged last block of its log for a torn write and drops it in silence, so only a second place can tell.
//	I4  After one failed write there is no other one. What reached the disk is unknown after a failed fsync, and a retry
//	    that succeeds proves nothing.
//	I5  Erasing is by disjoint range tombstones of at least eraseMin entries; overlapping ones cost quadratic time.
//
// # Concurrency
//
// Readers run beside everything; entries of the recent tail are served from memory. Append, Reset, Bootstrap and
// SetMetadata come from one goroutine at a time. Compact may run beside them; it waits for a Reset.
package log
