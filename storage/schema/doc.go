// Package schema says what the state engine's bytes mean: the tables, the
// physical key layout, the record codecs and the names on disk.
//
// It knows nothing of Pebble, of batches or of who reads what. Read Table
// first, then Revision; docs/disk-format.md describes the same bytes for
// people who have a data directory and no source.
//
// Every physical key is
//
//	table (1 byte) | body | 0x00 | suffix | len(suffix)+1
//
// or, when the key has no suffix,
//
//	table (1 byte) | body | 0x00
//
// so that the last byte of any key tells how many bytes follow its prefix.
// The prefix (table, body and the 0x00) is what bloom filters are built on
// and what NextPrefix skips over. Only the versions table uses suffixes.
//
// Invariants:
//
//	I1. Within one table prefixes sort as the bodies do, bytewise.
//	I2. Of one user key's versions the newest sorts first.
//	I3. Every decoder rejects what its encoder cannot have written, with
//	    ErrMalformed, and never panics or keeps the bytes it was given
//	    unless it says so.
//
// Everything here is a pure function and safe from any goroutine.
package schema
