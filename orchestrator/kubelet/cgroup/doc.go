// Package cgroup makes and removes the cgroups of a node's pods, on cgroup v1 (alone or with an empty v2 beside it) and on v2, by files
// alone: no systemd (the runtime has to use cgroupfs too).
//
// Read Manager first; limits.go for what a pod or container gets; v1.go and v2.go for how that is written.
//
//	<parent>/kubepods/pod<uid>              guaranteed
//	<parent>/kubepods/burstable/pod<uid>
//	<parent>/kubepods/besteffort/pod<uid>
//
// Invariants: a pod's cgroup is removed only after all processes in it are dead, whatever became of the runtime that started them. All can
// be found again after a restart from the folders. Nothing outside <parent>/kubepods is written or killed.
package cgroup
