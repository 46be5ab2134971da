// Package snapshot puts the files of a checkpoint into one stream and takes
// them out again.
//
// Write makes the stream, Read walks one and verifies it, Unpack stages its
// files in a folder, and Inspect tells what an archive holds. Read Header
// first. The package knows no engine and no records: it moves named files and
// a short description of them. It refuses names that could leave the folder
// and lengths that the header did not announce.
//
// The stream, integers big endian:
//
//	"petcdsnp" | version u32 | length u32 | header | CRC-32C u32 of all this
//	per file: 'F' | length u16 | name | size u64 | CRC-32C u32 of all this
//	          chunks: length u32 (1 to 1 MiB) | bytes | CRC-32C u32 of both
//	'E' | zeros | SHA-256 of everything before, at the end of a 512-byte block
//
// etcd's clients take a snapshot for whole when its length modulo 512 is 32:
// the database, and its SHA-256, which the server appends to the stream. The
// length of an archive is a multiple of 512, so with that they take it too.
//
// Invariants:
//
//	I1. Unpack's folder has its name only after every byte was verified and
//	    synced. A crash leaves a folder with the suffix Partial, or the whole.
//	I2. No length from the stream is allocated or written before it is
//	    checked against a bound or against the header.
//
// All functions are safe from any goroutine, on different folders.
package snapshot
