// Package watch hands the store's events to those who watch keys.
//
// All watchers share one ring of recent events in revision order, and a
// watcher is a cursor: the first revision it has not looked at. It holds no
// events. One whose cursor has left the ring reads the store's History, a
// bounded piece at a time, until it is back. So a slow watcher costs constant
// memory, and order and completeness follow from the cursor.
//
// Read Hub first, which the store feeds, then Group, which one client stream
// reads, then Group.turn, where a cursor moves. The package refuses to know
// sessions, fragments or the wire, and starts no goroutine: publishing wakes,
// and whoever calls Group.Next does the reading.
//
// A watcher is idle or queued. Idle means that no revision up to the hub's
// holds anything for it that it has not been given; it costs nothing but its
// place in the index of keys. An event that matches moves the cursor to that
// revision and queues the watcher in its group.
//
// Invariants:
//
//	I1. A watcher is given events in revision order, each once, from its
//	    start revision on, and none older.
//	I2. All events of a revision that a watcher matches are in one Delivery.
//	I3. No gap: either the history at the cursor is there, or the watch ends
//	    with a Delivery that carries the compact revision.
//	I4. Hub.revision is set after the watchers of that revision were queued.
//	    So who reads it first and then finds a watcher idle knows that the
//	    watcher was given everything up to it.
//	I5. Events are immutable and shared: nobody who gets one may change it.
//
// Concurrency: Publish and Reset belong to the apply loop. A Group's Next
// belongs to one goroutine; everything else is safe from any. Locks are taken
// in the order index, group, ring.
package watch
