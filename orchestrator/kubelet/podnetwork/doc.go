// Package podnetwork is what a node does so that pods on all nodes reach each other, each seeing the other's own address.
//
// Once the Node has a range of pod addresses (spec.podCIDRs, which node-ipam-controller sets), three things are kept as they
// should be, in the network namespace that this process runs in:
//   - a CNI configuration for the runtime: a bridge cni0 with addresses of that range, and host ports;
//   - a route to the pods of each other node, by that node's InternalIP, which must be on a network that this node is on itself;
//   - the settings of the kernel that let it forward packets.
//
// Read Options, then Network.Run, then plan. Routes carry a protocol number of their own (see Protocol): only those are ever
// changed or removed, and a route of somebody else to the same range is an error that is told, not a route that is replaced.
// What a Node says is not believed blindly: a range that takes in a node's address, or that overlaps this node's own or one
// that has a route already, gets none.
//
// With Options.Masquerade, what a pod sends to addresses that are no pod's leaves with the node's address, by an nftables table
// of our own; without it, whoever is outside of the cluster sees the pod's address and has to know the way back.
//
// It makes no tunnels: between nodes there must be no router that does not know the pods' ranges. Network policies are not
// enforced. When Run ends all stays as it is, so that pods keep their network while a kubelet restarts; Cleanup removes it.
package podnetwork
