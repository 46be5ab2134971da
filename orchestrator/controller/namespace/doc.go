// Package namespace empties a namespace that is being deleted, and then takes the finalizer "kubernetes" off its spec: the
// apiserver removes it when no finalizer is left.
//
// What a namespace can hold is asked of discovery each time: objects of custom resources go too. Pods go first, so that what they
// use is there as long as they run. What could not be found out or deleted, and what still remains and why, is told in the
// namespace's conditions. Read Controller first.
//
// Invariants
//   - A namespace is finalized only when every namespaced resource of every group was listed and found empty. If discovery fails
//     for one group, it stays.
//   - Only objects in the namespace are touched; the names of other finalizers in its spec are left alone.
package namespace
