// Package log keeps one member's Raft log on disk: entries, hard state, and one opaque record of the member's identity.
// Read Log first, then Open.
//
// The log is a row of files that are only appended to. One append is one record, one write and, if asked for, one fsync, made
// by the goroutine that asks (by another one if the log has a second folder). Where the file system can, the write goes past the
// page cache, in whole blocks (directWriter). The package refuses to guess: a log that is damaged (ErrCorrupt), that is something else
// (ErrForeign) or that had a failed write (ErrFailed) takes no writes, and Open leaves what it refuses as it was.
//
// # Format
//
// All integers are big endian, of 8 bytes unless another width is said.
//
// The folder holds segments, named by their sequence number in 16 hexadecimal digits and ".log". A segment is a run of
// records, and zeros to the end of the file, which is made longer beforehand. A record is
//
//	4 bytes   length of the payload; 0: there is no further record
//	4 bytes   CRC-32C of the four bytes before, then the payload; it continues that of the segment's record before
//	payload   parts, each begun by a byte that names it
//
//	part      holds
//	0x01      head: "petcd-raft-log", one byte: the format's version (2); the segment's sequence number, the record's own
//	          number, the index of the last entry before the segment
//	0x02      metadata: 4 bytes of length, the opaque bytes
//	0x03      hard state: term, vote, commit
//	0x04      begin: index and term of the entry before the first one that is kept
//	0x10      entries: index of the first; 4 bytes: their count; for each its term, one byte of type, 4 bytes of length, data
//
// Records are numbered through all segments. A segment's first record is a head with all that is known by then but the
// entries, so that older segments can be removed. It takes the place of whatever an older segment holds from its number on:
// that is how records are written again on another disk (failover.go).
//
// Beside the segments lie LOCK; WATERMARK, two slots at offsets 0 and 512, written in turns: "petcdwm1", a sequence number,
// index of the last entry, term, vote, and the CRC-32C of all that; and FAILOVER, in both folders the same random name, if the
// log has a second folder. The watermark's slot with the higher number tells what was durable when it was written. It is
// written after an append that brings a term or a vote, after one that leaves no entry above the commit index or has no sync (such
// a one ends a busy time), and else after one in 65; without a sync of its own, and not while its disk hangs and the log goes on in
// the second folder: so it may be old, never ahead. A log that was damaged lies in "damaged" (SetAside).
//
// # Invariants
//
//	I1  Entries are contiguous from begin+1 to last.
//	I2  A write that returned nil with sync survives a crash. Writes survive in order: what is on disk after a crash is a
//	    prefix of the writes.
//	I3  The log holds at least what the watermark says. A log that holds less lost what it acknowledged: a damaged last record
//	    looks like a torn write, so only a second place can tell.
//	I4  After one failed write there is no other one. What reached the disk is unknown after a failed fsync, and a retry
//	    that succeeds proves nothing.
//	I5  All segments but the newest are durable, up to the number that the next one begins with.
//
// # Concurrency
//
// Readers run beside everything; entries of the recent tail are served from memory. Append, Reset, Bootstrap and
// SetMetadata come from one goroutine at a time. Compact may run beside them.
package log
