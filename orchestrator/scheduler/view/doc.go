// Package view is the scheduler's picture of the cluster: nodes, and the pods that have a node or are about to.
//
// Read State first. It is plain data without locks, clocks or clients; everything else of the scheduler decides from it. Cluster
// puts one lock around it: the informers write through Cluster.With, and a scheduling decision is made within one With, so
// that it sees a cluster that stands still. A decision takes well under a millisecond, which is why a copy isn't worth its price.
//
// Invariants:
//   - a pod is on one node at most, and its node's sums are those of its pods;
//   - an assumed pod counts like a bound one, until the informer shows where it is or Forget gives it up;
//   - a nomination is a claim to room that victims still hold; it is not part of any sum.
package view
