// Package mvcc keeps the revisions: every put and delete gets a revision, and
// a reader sees the keys as of any revision that is not compacted.
//
// Read Store first (what readers use), then Writer and Tx (what the apply
// loop uses). Package mvcc knows no leases but their ids, no watchers, no log.
//
// There is no index of all keys in memory. The versions table holds what each
// key held from each revision on, newest first; the heads table the newest
// revision of every live key; the revisions table history in order.
//
// Invariants:
//
//	I1. Revision is published after the batch that reached it is readable, so
//	    a reader at the published revision finds all of it.
//	I2. A reader opens its iterator first and checks the compact revision
//	    after. Compaction publishes the compact revision first and removes
//	    after. So a reader at a revision that was checked misses nothing.
//	I3. The heads table holds exactly the keys that are live at the newest
//	    revision, with their newest version's metadata.
//	I4. Every change has one record in the versions table and one in the
//	    revisions table, both under the same revision.
//	I5. The revision grows by one for every Tx that changed something, and by
//	    nothing else.
//
// Readers (Range, Each, Stream) run on any goroutine and take no lock that they would wait for.
// A Writer and its Tx belong to the apply loop; there is one at a time.
package mvcc
