// Package up makes a whole cluster on one machine: `kubeadm up`. A control plane and workers, each in a network namespace of its own with
// its own runtime and kubelet, joined by a switch, which is a namespace with a bridge; and a web application behind a Service.
//
// Read Cluster and its Up, then Down. Nodes are set up by kubeadm's own init and join, as on machines of their own; only that they
// run in a namespace, below a folder, is different.
//
// Of the machine's own network nothing is changed: what it reaches of the cluster it reaches by forwarders, which listen on its loopback
// and dial within a node's namespace. /run/netns, where the names of namespaces are, becomes a mount of its own as `ip netns` makes it one.
//
// Invariant: whatever Up made, Down removes, also after a crash of either: it finds all by names and folders, and remembers nothing.
package up
