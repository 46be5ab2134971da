// Package podworker makes pods run as they are wanted, and ends them.
//
// Read decide first: it compares a pod with what the runtime has of it and says what is to be done. Then worker: one per pod, it looks, decides
// and acts whenever something changed, one step at a time. Manager has the workers, and what they share.
//
// Invariants: the runtime is the truth. A worker keeps nothing that it could not find out again, but for back-offs and why containers wait; a
// kubelet that was restarted therefore touches nothing that is right. A step may be cut short at any call and be taken again. A container
// that ended is never started again: the next attempt is another container. No container of a pod starts while the pod is
// being ended, and what comes to run after its end is stopped.
//
// Refused: resizing pods in place, the restart of all containers by a rule of one.
package podworker
