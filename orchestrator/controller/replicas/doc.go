// Package replicas keeps as many pods as a ReplicaSet asks for. ReplicationControllers are the same thing by an older name: their
// package shows them to this one as ReplicaSets.
//
// Read Controller first, then Sets, which is what the two kinds differ in.
//
// Invariants: no pod is created or deleted while Expectations are open, so that a slow informer makes no pod too many; a set
// that is being deleted creates and deletes nothing; a pod is deleted only with the UID that was seen.
package replicas
