package robustness

import "time"

// EtcdLow is a few clients that wait between operations of every kind.
func EtcdLow() Traffic {
	return Traffic{Clients: 6, Keys: 16, Pause: 25 * time.Millisecond, Gets: 3, Puts: 5, Deletes: 1, Swaps: 2, Multis: 1, Leases: true}
}

// EtcdHigh is more clients with short pauses, most of whose operations are writes.
func EtcdHigh() Traffic {
	return Traffic{Clients: 8, Keys: 24, Pause: 10 * time.Millisecond, Gets: 2, Puts: 6, Deletes: 1, Swaps: 2, Multis: 1, Leases: true}
}

// Kubernetes is what an apiserver does: objects that change if they are still at the revision one knows, lists in pages, and
// leases under events.
func Kubernetes() Traffic {
	return Traffic{Clients: 6, Keys: 30, Pause: 15 * time.Millisecond, Gets: 2, Deletes: 1, Swaps: 8, Lists: 2, Leases: true,
		ByRevision: true, Padding: 400, Folder: "/registry/pods/"}
}
