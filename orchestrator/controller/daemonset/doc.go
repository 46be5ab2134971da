// Package daemonset keeps one pod of a DaemonSet on each node that fits. It doesn't bind them: each pod asks for its node by an
// affinity to the node's name, and the scheduler gives it what it asks for, or says why not.
//
// Read Controller, then pass, which is one sync: place.go says which nodes fit, manage.go makes and deletes pods, update.go
// replaces those of an old template.
//
// Invariants: no pod is created or deleted while Expectations are open; a rolling update leaves no more nodes without an
// available pod than maxUnavailable, or has no more nodes with a second pod than maxSurge.
package daemonset
