// Package job runs pods until enough of them have succeeded.
//
// A pod counts once: it is made with the finalizer batch.kubernetes.io/job-tracking, and when it has ended its UID is first written
// into status.uncountedTerminatedPods, then the finalizer is taken off, then the UID becomes one more in a counter. Whatever step
// fails, the next sync finds where it was. Read Controller.sync, then tally.
//
// The apiserver generates a Job's selector and the labels of its template; we put the same labels on pods, and own them by
// reference. Which failures came when, for the back-off, is read from the pods.
//
// Refused with a Failed condition: backoffLimitPerIndex, successPolicy. Not there: adopting and releasing pods.
//
// Invariants
//   - A Job that has Complete or Failed has no pod left that runs, and none with the finalizer.
//   - No pod is counted twice, and none with the finalizer is lost.
package job
