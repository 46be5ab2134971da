// Package cgroup makes the control groups of pods and containers, on cgroup v1 (each controller mounted on its own, as on hybrid
// systems) and on v2 (unified), sets their limits and reads what they use.
//
// Read Hierarchy first. A group is named by its path below the hierarchies' roots, as the kubelet names it. Controllers that the node
// does not have are left out: Missing names them.
//
// Devices are limited by v1's controller and, on both, by the container's mounts: none of them but those of single devices lets devices
// be opened. v2 has no such controller but a hook for BPF programs, which this package does not use: there, a container that is not
// privileged but was given CAP_SYS_ADMIN can mount its way to the node's devices.
package cgroup
