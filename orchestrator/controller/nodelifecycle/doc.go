// Package nodelifecycle is the node controller: it tells which nodes are still there.
//
// A node is alive while its heartbeat changes: the Lease of its name in kube-node-lease, or the heartbeat in its status. What counts
// is when this process saw the change, on its own clock, so that clocks of nodes may be wrong. After the grace period the node's
// conditions become Unknown, its pods are marked not ready, and it gets the taints node.kubernetes.io/unreachable, or not-ready
// if its kubelet says so itself. NoSchedule comes at once; NoExecute, which makes the pods leave, comes one node at a time at the rate of its zone. A
// zone without any ready node is full disruption, one with many that are not is partial: then the rate falls, for it is more
// likely that a network broke than that they all died. If every zone is lost no pod is evicted anywhere.
//
// Read monitor first: one goroutine that owns all that is remembered about nodes. The other taints that say what a node's conditions
// are (memory-pressure, unschedulable, …) are set by a Loop, which remembers nothing; pods are marked by another.
//
// Deleting the pods is the work of tainteviction. It refuses to delete nodes: whoever started a machine knows whether it will
// return. It does not copy labels to their deprecated beta names.
//
// Invariants: NoExecute taints of this controller are never both on a node; a node is tainted NoExecute only if it was not ready in
// the last pass; after a change of process no node is Unknown before a whole grace period has passed.
package nodelifecycle
