// Package podgc deletes pods that nobody else can: every 20 seconds
//   - the oldest of those that have ended, beyond a threshold,
//   - those on nodes that no longer exist,
//   - those being deleted that were never placed, or whose node an administrator has marked as out of service.
//
// No kubelet will report the end of these, so they are marked as failed first, for those who count, and then deleted at once.
// Read Controller.gc.
//
// Invariant: a pod counts as orphaned only when its node was missing for 40 seconds and the apiserver then says that it is gone.
package podgc
