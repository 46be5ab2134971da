// Package resourcequota keeps status.used of ResourceQuotas true. The apiserver's admission charges a quota before an object is
// created; this takes off what has gone or ended, and recounts everything every five minutes.
//
// What an object counts as is package quota's business. Pods, services and claims are read whole; of anything else that a quota
// counts (secrets, count/deployments.apps, …) only the metadata is watched, from when a quota first names it.
// Read Controller.sync.
//
// Invariants
//   - status.used has exactly the names of spec.hard. What cannot be counted, since nobody serves it, counts as 0.
//   - Nothing is written while a count is not known yet.
package resourcequota
