// Package replica is one member's copy of the replicated state: it is where the log (package raft) and the state (package
// storage) meet, and nowhere else.
//
// A proposal goes down through propose.go into raft, and comes back through applyloop.go to the one who waits for it. A
// linearizable read asks raft for an index and waits until the state has applied it (read.go). What must happen around
// that is here too: conf changes and who is connected, snapshots for members that are far behind, shortening the log,
// the quota, publishing this member's attributes, deciding the cluster version.
//
// It refuses to know gRPC, its codes and its texts, and to read a client's request beyond what the log needs.
//
// Read first: [Replica], then Propose and applyLoop.Apply.
//
// Invariants:
//
//	I1. Everything an entry changes reaches the store in one batch together with the entry's index, and the log keeps
//	    every entry after the index that the store would still have after a crash.
//	I2. A waiter is answered after the batch that holds its entry was committed, never before.
//	I3. The applied index that readers wait for is published after the commit of its batch, and before its waiters are
//	    answered: who has an answer, reads his write.
//	I4. A log that is damaged, or ends before the state's applied index, is never voted with: the member joins its cluster
//	    again under a new id, which promised nothing (rejoin.go), or does not start. A state that is damaged is made
//	    anew and put in its place whole (repair.go). Without help from others a start changes nothing.
//
// Concurrency: the apply goroutine of the raft node calls applyLoop and owns the applier and the cluster's changes.
// Everything exported by Replica is safe from any goroutine.
package replica
