// Package queue holds the pods that wait for a node, and says which is next.
//
// A pod is in one of four places. Active: it can be tried now; the highest priority first, then who has waited longest. Back-off:
// it failed a moment ago and is tried again after 1s, 2s, 4s, 8s, then 10s each time. Unschedulable: no node would take it, and it
// waits for a change that could help, or for five minutes. Gated: its schedulingGates keep it back until it is changed. A pod that
// Pop returned is in none of them until Unschedulable, Retry, Gate or Done says how it went.
//
// A change that Wake is told of while a pod is being tried counts for it as if it had happened right after. What Wake isn't told
// of, like what a disruption budget allows, helps after five minutes.
//
// Read Queue first.
package queue
