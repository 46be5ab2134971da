// Package probe asks the containers of a node's pods how they are: startup, liveness and readiness probes, by a command, HTTP, TCP or gRPC.
//
// Read Manager first, then worker, which is one probe of one container; ask.go is what asking is.
//
// Invariants: an answer is about one container ID, never about its successor. A container that runs and was ready or started when Add is
// called stays so until a probe says otherwise, so that a restart of the kubelet takes no pod out of its Services. What could not be asked
// (as opposed to what was answered badly) counts neither way. All goroutines of a pod end with Remove.
package probe
