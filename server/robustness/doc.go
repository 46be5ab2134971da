// Package robustness runs real server processes under load while it kills, pauses and partitions
// them, cuts their power, fills their disks and shifts their clocks, and proves afterwards that they
// kept etcd's promises. It runs against petcd and against the real etcd alike; a check that the real etcd fails is a wrong check.
//
// It refuses to look inside a member: everything goes over the client port, the peer ports and
// signals, the member's file system and its namespaces. Faults inside a process are the simulation's.
//
// Read Campaign first: an epoch of it is load, faults, rest, checks. The checks are functions of
// recorded histories and have tests of their own, in which a planted error must be found:
//
//	checkLinearizable  every key is a linearizable register (porcupine), revisions included
//	CheckHistory       every acknowledged write is in the history, once, at its revision; no revision
//	                   is skipped, and the store is what the history adds up to
//	CheckWatch         ordered, unique, atomic, reliable, resumable, bookmarks, prev_kv, creation, filters
//	checkLists         a list in pages is what there was at its revision, counts included
//	tenants            no key goes before its lease's time, and none stays
//	checkFlat          of a soak's samples: nothing grows
//	converge           all members reach one revision and one HashKV
//
// The same holds of API 2 (v2*.go), with the tree's index in the place of the revision: registers changed by set, delete and
// comparison and read with quorum, watches by waitIndex, the trees of all members compared node by node; and a key with a time
// to live is not gone before its time and not there for ever. An epoch makes fewer changes than a member remembers.
//
// Several campaigns run side by side, each on a cluster of its own (RunTogether): most of one is waiting. A machine is what a
// member runs on: a process; a process with a disk of its own, an ext4 whose power is cut with it (disk, needs root); or a
// member in this process on files that lose exactly what was not synced (inMemory). Tests that need root run in namespaces of
// their own, and say so elsewhere.
//
// What the tests do is set by variables: PETCD_TARGET (petcd, or a real etcd's version in PETCD_PEERS),
// PETCD_SEED, PETCD_KILLS, PETCD_FAULTS, PETCD_POWERCUTS, PETCD_REPLACED, PETCD_SKEWED and PETCD_FULL (how much), PETCD_LANES
// (how many campaigns at once), PETCD_SOAK and PETCD_SOAK_DIR (how long, and where the plot goes), PETCD_OVERLOAD (the share of
// 2,000 connections, 10,000 watchers and a range of 1 GiB), PETCD_BUDGET (for how long at most). A real etcd
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
