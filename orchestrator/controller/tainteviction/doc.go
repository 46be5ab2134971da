// Package tainteviction deletes pods from nodes that have a NoExecute taint which the pods do not tolerate.
//
// A pod that tolerates all of them for ever stays. One that tolerates them for so many seconds goes after the smallest of these
// numbers, counted from when this process first saw pod and taint together; one that does not tolerate some taint goes at once. If the
// taint goes first, so does the plan. A pod that goes gets the condition DisruptionTarget first, so that its owner sees why.
//
// Read evictor.sync: one pod, and when it has to go. After a change of process the seconds are counted anew.
package tainteviction
