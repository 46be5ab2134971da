// Package runtime is a container runtime behind CRI v1, for nodes where none is installed: pods and containers on Linux, in Go alone.
//
// Read Server first. A sandbox is a shim (package shim), which does all that is done within namespaces; this package says what is to be
// done, and keeps on disk what the next daemon has to know. Packages image, network, cgroup and seccomp are one part each.
//
// Invariants:
//   - What a step leaves on the node is named by the id of its pod or container, and that id is on disk before the step. Whenever the
//     daemon dies, the next one either takes over or cleans up.
//   - No process id is kept. A pod is reached by its shim's socket; when the shim is gone, what it left is found in the pod's cgroups.
//     A shim that doesn't answer is killed, and then it is gone.
//   - A container runs once. How it ended is written by its shim.
//
// It refuses, by an error that says so: user namespaces, AppArmor profiles of files, SELinux labels on a node that has SELinux
// (elsewhere they mean nothing), CDI devices, images as volumes, runtime handlers other than the default, checkpoints. Without root,
// or without what Requirements names, it serves images and nothing else.
package runtime
