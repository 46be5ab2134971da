// Package corruption finds members whose keys differ from the others', by comparing hashes of all of them: before a member
// serves, at intervals, and after each compaction.
//
// It refuses to repair: what differs is named by the CORRUPT alarm, which stops writes on every member until an operator
// has replaced the member and disarmed the alarm.
//
// Read first: [Checker], then its Run.
//
// Invariants:
//
//	I1. Two hashes are compared only when they are of one revision and were made under one compact revision: then two
//	    members that applied the same log have equal ones, however far each has come with removing old versions.
//	I2. Only a hash that a majority of all members shares is held to be right; those that differ from it are blamed. Without
//	    one the alarm is member 0's: something differs, nobody knows where.
//	I3. A hash reads every version, so hashing takes at most a twentieth of one processor, whatever the size: after a check
//	    the next one waits nineteen times as long as the check took, should its interval be shorter.
//
// Concurrency: Run is one loop, so checks never overlap. The handler serves one request at a time.
package corruption
