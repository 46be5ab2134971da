// Package cri is the kubelet's language with container runtimes: how pods and containers are written as CRI configurations, and how they
// are found again in what a runtime lists.
//
// Read Pod first: it is what a runtime knows of a pod. A kubelet keeps nothing on disk; labels and annotations on sandboxes and containers
// carry what it must know after a restart.
//
// Invariants: nothing here decides what is to run. A configuration is a pure function of the pod, the node and the container's attempt.
// OOM scores below zero are raised to zero where the kubelet itself may not lower its own, as the runtime's calls would fail.
//
// Refused: runtime classes, user namespaces (hostUsers: false), block devices, SELinux' relabelling, Windows.
package cri
