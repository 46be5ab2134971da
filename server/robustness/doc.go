// Package robustness runs real server processes under load while it kills, pauses and partitions
// them, and proves afterwards that they kept etcd's promises. It runs against petcd and against the
// real etcd alike; a check that the real etcd fails is a wrong check.
//
// It refuses to look inside a member: everything goes over the client port, the peer ports and
// signals. Faults inside a process (disks, torn writes, clocks) are the simulation's.
//
// Read Campaign first: an epoch of it is load, faults, rest, checks. The checks are functions of
// recorded histories and have tests of their own, in which a planted error must be found:
//
//	checkLinearizable  every key is a linearizable register (porcupine), revisions included
//	checkHistory       every acknowledged write is in the history, once, at its revision; no revision
//	                   is skipped, and the store is what the history adds up to
//	checkWatch         ordered, unique, atomic, reliable, resumable, bookmarks, prev_kv, creation, filters
//	converge           all members reach one revision and one HashKV
//
// The same holds of API 2 (v2*.go), with the tree's index in the place of the revision: registers changed by set, delete and
// comparison and read with quorum, watches by waitIndex, the trees of all members compared node by node; and a key with a time
// to live is not gone before its time and not there for ever. An epoch makes fewer changes than a member remembers.
//
// What the tests do is set by variables: PETCD_TARGET (petcd, or a real etcd's version in PETCD_PEERS),
// PETCD_SEED, PETCD_KILLS and PETCD_FAULTS (how much), PETCD_BUDGET (for how long at most). A real etcd
// 3.4.23 would fail the bookmark check, a fault later versions of etcd mended, and runs without watches of API 3; 3.7.3 has no
// API 2, and passes all else.
//
// Invariants:
//
//	I1  A write that ended in an error is ambiguous: it may have happened, or happen later.
//	I2  A value is written by one operation only, so a value tells which operation wrote it.
//	I3  Everything random follows from one printed seed, as far as the servers' timing allows.
//	I4  The epochs use different keys, so that a history stays short enough to check.
//
// Concurrency: a Campaign belongs to one goroutine; traffic and watchers are goroutines it starts
// and has ended before it checks.
package robustness
