// Package etcddir reads the data directory of an etcd 3.4 or 3.5 member that does not run: the newest snapshot of its v2
// store that its write-ahead log names, and the entries of the log after that. Read [Open] first.
//
// It decodes; what a request does to a tree is package v2store's, and what is in the member's bbolt file package etcddb's.
//
// # Formats
//
// member/snap/TERM-INDEX.snap, both in 16 hex digits, is a protobuf message: 1 CRC-32C of field 2, 2 a raftpb.Snapshot, whose
// data is the v2 store as JSON. member/wal/SEQ-INDEX.wal is a list of records, each behind 8 bytes, little endian: the length
// in 56 bits, and in the highest byte, if its highest bit is set, the number of bytes of padding that follow the record. A
// record is a protobuf message: 1 type, 2 CRC, 3 data. The CRC-32C runs on over the data of all records; each file begins with
// a record of type 4 that carries it over from the file before. A record of type 5 names a snapshot: 1 index, 2 term.
//
// A database that a leader sent with a snapshot is member/snap/INDEX.snap.db until etcd renames it to db. A crash between the
// two leaves a db that is older than the snapshot; [Contents] names both.
//
// Invariants:
//
//	I1. Nothing is written, and no bytes make it panic.
//	I2. Entries come in order without a gap, from the one after the snapshot to the commit index; an entry that was replaced
//	    is not among them.
//	I3. The log ends where the last file ends, or in zeros, or in a record that was torn while it was written. Anything else
//	    that cannot be read is ErrCorrupt.
//
// Concurrency: none; what Open returns is read-only.
package etcddir
