// Package statefulset keeps pods that have an identity: a name with an ordinal, that comes back when the pod does, and claims
// for storage that stay when it goes.
//
// Read Controller, then pass, which is one sync, and its converge. identity.go says what makes a pod one of a set, claims.go
// what becomes of its storage.
//
// Invariants: there is never more than one pod of a name, for the names are given here and the apiserver keeps them apart. No
// pod is created or deleted while Expectations are open. Unless the pods are managed in parallel a pod is created only when all
// before it are available, and deleted only when all after it are gone.
//
// It refuses the Recreate strategy, which is an alpha of upstream: such a set's pods are replaced when they are deleted, as
// with OnDelete.
package statefulset
