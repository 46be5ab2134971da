// Package status says how pods are: it computes a pod's status from what the runtime knows, and brings statuses to the apiserver.
//
// Read Compute, which is pure, then Manager. Phases, conditions, reasons and messages are upstream's.
//
// Invariants: a phase that is final stays. A pod's status is written to the object that it was computed for only (UIDs are compared), and the
// parts of others (their conditions, nominated nodes) are left alone. A pod whose deletion was asked for leaves the apiserver only when its
// worker has said that nothing of it is left on this node.
package status
