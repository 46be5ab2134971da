// Package recent keeps what was read not long ago, for readers on any
// goroutine, while one writer changes what they read from.
//
// A look-up in the engine asks each memtable and table that may hold a key. A
// key that is asked for often is found here by one hash, without a lock.
//
// Read first: [Cache].
//
// Invariants:
//
//	I1. What is kept of a key is as new as all that was forgotten of it, if
//	    the reader finds the key's place first and then reads a state that the
//	    writer is not just changing, and if the writer, in the course of each
//	    change, forgets the key once the change can be read and before it is
//	    published. Who may have seen more than is published must not look here
//	    in the course of a change.
//	I2. All that is kept takes about the bytes that the cache was made for, at
//	    most.
package recent
