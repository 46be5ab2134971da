// Package raft runs one member's part in consensus, over go.etcd.io/raft/v3: it keeps the library's node supplied with time,
// messages and proposals, writes its log, and hands what is committed to a StateMachine. Read Node first, then its Run.
//
// It knows no keys and no requests, opens no sockets (messages leave by Config.Send and come by Node.Step) and no files
// (raft/log does). It never answers a proposal: what becomes of it shows when it is applied.
//
// # Goroutines
//
// Node.Run owns three, and all have ended when it returns.
//
//	raft    ticks, and makes a pass whenever it is woken: messages, proposals and read rounds go into the library's node,
//	        what the node wants comes out. A pass waits for nothing; the one read it may make from disk is of entries older
//	        than the log's tail in memory, for a follower that lags or after a start.
//	log     appends and syncs. Everything that waits becomes one synced write; responses leave after it, in order.
//	apply   calls the StateMachine, with everything that waits (bounded) in one call. The log goroutine of a member that is the
//	        only voter does it in its place when nothing else waits to be written (Node.turnHere).
//
// Whoever has news for raft makes the pass in its place if nobody is at one (Node.turn): a proposer, a reader of the network,
// the log goroutine after a sync. Waking a goroutine costs more than most passes. News that nobody waits for (a commit index
// to be written, entries that are applied) goes with the next pass or write.
//
// Messages to others leave before the own log is synced: a leader's followers write while it writes. The library holds back
// what must follow the sync (votes and acknowledgements) as responses of the append.
//
// # A disk that hangs
//
// Ticks go on while an append hangs, so heartbeats do too, and the library's CheckQuorum doesn't mind: it asks whether the
// others are there. So the raft goroutine counts the ticks during which appends are outstanding and none finishes. At an
// election timeout's worth of them a leader transfers leadership to the voter with the most of the log; half an election
// timeout later, if it still leads, it steps down by two checks of the quorum in a row, the second of which finds no
// answers since the first. While the disk hangs the member counts ticks without standing for election, and ignores an
// invitation to do so. A cluster of one keeps its leader.
//
// # Invariants
//
//	R1  Responses of an append leave only after everything they attest to is durable.
//	R2  A snapshot is installed after everything handed to the state machine before it, durable in the state machine
//	    before the log is emptied, and in both before its responses leave. So a start finds either the old log, or a state
//	    newer than the log (ErrLogBehind), never a hole.
//	R3  ReadIndex never returns an index of a round that began before the reader asked.
//	R4  Proposals that wait enter raft as one message. A leader holds them while a round is on its way to its log.
//	R5  The library's node has one user at a time, who waits for nothing while it is his, but for a read of entries older
//	    than the log's tail.
//	R6  No message from the network can make the library panic, but for one that shows that this log lost what it had
//	    acknowledged; then Run returns ErrInvariant.
//
// # Concurrency
//
// Every method of Node may be called from any goroutine, but ApplyConfChange only from within StateMachine.Apply. None
// waits for a disk, but for a pass's read of old entries.
package raft
