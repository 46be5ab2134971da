// Package garbagecollector deletes what has lost its owners, and carries out the two deletions that involve dependents: foreground
// (the owner goes last) and orphan (the dependents stay).
//
// It watches the metadata of all objects of all resources that can be deleted, listed and watched, except events, and learns of
// new resources from discovery every 30 seconds. Read graph first: it holds who owns whom, by UID, and says on each change which
// objects are worth a look. Controller looks at one object at a time.
//
// Invariants
//   - The graph may be late; it alone is never a reason to delete. What shall be deleted, and each owner that seems to be absent, is
//     read from the apiserver first, and the deletion carries the UID and the resourceVersion of what was read.
//   - An owner is absent only if the apiserver says that there is no object of that kind, namespace, name and UID. A kind that is
//     not served proves nothing: its dependents stay.
//   - The owner of a namespaced object is cluster-scoped or in the same namespace. A cluster-scoped object that names a namespaced
//     owner is left alone.
package garbagecollector
