// Package deployment moves a Deployment's pods from one template to another. It touches no pod: each template that the
// Deployment has had is a ReplicaSet, named after the template's hash, and a rollout is a series of changes of their sizes.
//
// Read Controller, then rollout, which is one sync, and its step. What happens is decided anew at each sync from the sizes and
// the statuses of the ReplicaSets; nothing is remembered but in their annotations.
//
// Invariants: during a rolling update there are never more pods than replicas + maxSurge, and it takes none away that would
// leave fewer available than replicas - maxUnavailable. A template that returns, as kubectl rollout undo makes it, gets its old
// ReplicaSet back under a new revision. The status is written at most once a sync.
//
// It refuses the rollback annotation of extensions/v1beta1.
package deployment
