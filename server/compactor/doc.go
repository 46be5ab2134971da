// Package compactor compacts the history by itself, as --auto-compaction-mode and --auto-compaction-retention ask: what is
// older than some time, or more than so many revisions back.
//
// It refuses to touch the state: it proposes compactions as any client does. Only the leader's compactor works; the
// others' pause, so that one is proposed and not one per member.
//
// Read first: [Run].
//
// Invariants:
//
//	I1. Periodic compaction never goes beyond a revision that this member saw a whole retention period ago.
//
// Concurrency: Run is one loop; nothing else.
package compactor
