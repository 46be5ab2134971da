// Package expirer is the clock of the v2 tree. When a node ends is in the replicated state (package storage/v2store), which
// knows no time; the leader's expirer alone looks at a clock, and proposes to end what has expired.
//
// It refuses to end anything by itself: a node ends when that proposal is applied, on every member alike.
//
// Read first: [Run].
//
// Invariants:
//
//	I1. Only the leader proposes, and only after it made sure that it still leads: one that was cut off must not queue what
//	    would reach the next leader's log.
//	I2. A proposal carries the leader's clock, never a time to come. What it names has expired by that clock.
//	I3. At most one proposal is under way. One entry ends all that is due, up to a bound, so what expires together costs one
//	    round of the log.
//
// Concurrency: Run is one loop; nothing else.
package expirer
