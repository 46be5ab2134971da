// Package ttlafterfinished deletes Jobs that ended ttlSecondsAfterFinished ago, with their pods. Read Controller.sync.
//
// Invariant: a Job is deleted only if the apiserver, asked right before, says that it has ended and that its time is over.
package ttlafterfinished
