// Package namespacelifecycle is the admission plugin NamespaceLifecycle: nothing is created in a namespace that isn't there or
// that is about to go, and the namespaces that a cluster cannot do without are not deleted.
//
// Read Plugin. It trusts its informer when that has the namespace, and asks the apiserver when it hasn't: so the first object
// can be created right after its namespace. For a while after a deletion was asked for it doesn't trust a namespace that looks
// active either, because the informer may lag.
//
// It says nothing about updates and deletions of what is in a namespace: those must go on while the namespace is terminating.
package namespacelifecycle
