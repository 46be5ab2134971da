// Package kubelet is the agent of a node: it runs the node's pods through a container runtime's CRI socket.
//
// Read Options, then Run, which builds the parts and connects them:
//   - source says which pods are wanted, podworker makes them run (cri, volume, environment, image, cgroup and probe are its tools);
//   - status tells the apiserver how they are, node how the node is; podnetwork connects it with the others;
//   - eviction and image's collector keep the node from running full; server answers logs, exec, attach, port-forward and metrics.
//
// Flags and the configuration file have upstream's names and defaults. What upstream can and this kubelet can't is refused if pods would run
// otherwise than told, and else warned of: see unsupported.go.
//
// Without --kubeconfig the kubelet stands alone: it runs static pods.
package kubelet
