// Package membership knows who belongs to a cluster: its id, its voters and learners, the ids that were removed for
// good, the cluster version and the downgrade state.
//
// It computes member and cluster ids exactly as etcd does, and writes members as the JSON etcd writes, so that ids, log
// entries and the answers of the peer port mean the same to both.
//
// It refuses to decide anything by itself: a change is first checked and then made by the apply loop, in log order. It
// opens no connection: a joining member's questions to its peers are the replica's.
//
// Read first: [Cluster].
//
// Invariants:
//
//	I1. A change of the cluster is in the same storage batch as the log entry that caused it.
//	I2. A removed id never becomes a member again.
//	I3. No two members share a peer URL (changes that would are refused).
//
// Concurrency: one goroutine (the apply loop) changes a Cluster; any goroutine may read it. Readers see an immutable view
// that a change replaces, so they neither wait nor see half a change. Members handed out are shared: never modify one.
package membership
