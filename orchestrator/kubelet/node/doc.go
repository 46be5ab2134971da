// Package node is the kubelet's own node as the apiserver sees it: it registers the node, keeps its lease, and reports what it has and how it is.
//
// Read Options, then Manager. Capacities come from /proc and the file system, nothing else is asked; conditions, reasons and messages are
// upstream's.
//
// Invariants: what others put on a node (labels, taints, annotations, conditions that aren't the kubelet's) stays. A node that is registered
// already keeps its pod range and its taints; labels that the kubelet was told to set are set anew. The lease says that the kubelet lives; the
// status is written when something in it changes, and at intervals all the same.
//
// Refused: cloud providers, dynamic resources, device plugins.
package node
