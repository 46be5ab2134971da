// Package disruption keeps the status of PodDisruptionBudgets: how many pods may be evicted now.
//
// The apiserver's eviction endpoint decides from that status, and takes one off it for each pod that it lets go, whose name it notes in
// disruptedPods. Those count as gone until they are, or until two minutes have passed and they are still there.
//
// Read sync first. If it cannot be told how many pods there should be, because they are of a controller without a scale, no
// disruption is allowed, and the condition DisruptionAllowed says SyncFailed.
package disruption
