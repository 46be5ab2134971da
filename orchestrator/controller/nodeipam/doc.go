// Package nodeipam gives each node a range of addresses for its pods: spec.podCIDR and spec.podCIDRs, one per address family of
// the cluster.
//
// Read Options, which are the flags, then allocator. What nodes have is read from the nodes, so nothing is lost when the process
// is, and a range is free again when its node is gone. It is not given out again before the others have had their turn, so that
// routes to a node that went have time to go, too. A node that finds no range gets the event CIDRNotAvailable and is tried again,
// at once when another node goes.
//
// It refuses a cluster range that overlaps the Services' range, where upstream leaves the common part out: whether an address is
// a pod's or a Service's must be plain to all who look at the ranges. It never changes what a node has, be it outside the
// cluster's range: no kubelet would take the change in.
package nodeipam
