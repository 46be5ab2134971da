// Package lessor is the clock of the leases. The lease table itself is replicated state (package storage) and knows no
// time; the leader's lessor alone counts a lease's time down, and proposes to revoke it at the end.
//
// It refuses to end a lease by itself: a lease ends when its revocation is applied, on every member alike.
//
// Read first: [Lessor], then Run.
//
// Invariants:
//
//	I1. Only the leader's clock counts. A new leader gives every lease its full time again, or what a checkpoint left of
//	    it, plus the time an election takes: no lease ends early because leadership moved.
//	I2. A keep-alive succeeds only after the leader made sure that it still leads, and that the lease is in the state as
//	    of then: one that was revoked before the call is never renewed. With the gate FastLeaseKeepAlive it is only as sure as
//	    [replica.Replica.EnsureLeader] is, without a round of its own.
//	I3. Revocations are proposed under a context that ends with the leadership, after the leader made sure of it.
//	I4. An expired lease is never renewed: its keep-alive waits for the revocation, or for the next leader.
//	I5. A keep-alive of a lease with a checkpoint succeeds only after the checkpoint is cleared: otherwise the next leader
//	    would count from it and end the lease early.
//
// Concurrency: all exported methods are safe. The Observer's are called by the apply goroutine and never block on anything
// but the lessor's lock, under which nothing waits.
package lessor
