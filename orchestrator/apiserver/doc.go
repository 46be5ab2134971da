// Package apiserver is kube-apiserver: the front of the cluster, and the only part that talks to the store.
//
// It is k8s.io/apiserver with the parts that the library leaves to its user: which kinds there are and what is particular to each
// (registry), how they are shown (tables), who asks (authn) and who may what (authz), what is changed or refused on the way in
// (admission), and custom resources by the library's sibling, k8s.io/apiextensions-apiserver.
//
// Options are the flags; New makes a Server of them; Server.Run serves until its context ends.
package apiserver
