// Package eviction keeps a node from running out of memory, disk, inodes and process IDs: it watches what is left, says under which pressure
// the node is, takes back what nothing uses, and then ends one pod after another.
//
// Read Manager first: look is one turn. observe.go is what is left, rank.go whose turn it is, limits.go those pods that use more disk than
// they may, usage.go what pods use.
//
// It refuses soft thresholds, minimum reclaim and allocatable thresholds: a threshold is hard, and is one of the node as a whole.
//
// Invariants: one pod is evicted in a turn, and the next only after another look. Critical and static pods never are. A pressure condition
// stays for the transition period after its cause, so that it does not come and go.
package eviction
