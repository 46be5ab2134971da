// Package preempt finds the pods that would have to go so that one of higher priority gets a place, and does the least harm.
//
// Read Find first. It tries each node that refused the pod for a reason which goes away with pods: all pods of lower priority are
// taken off, in thought; then as many as possible are put back, the important ones first, those that a disruption budget protects
// before others. Of the nodes that are left, the one is taken whose victims are the least loss. Nothing is deleted here.
package preempt
