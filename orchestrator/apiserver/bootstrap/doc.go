// Package bootstrap is what every cluster has from its first start: four namespaces, two priority classes, and the roles and bindings
// without which nobody but system:masters could do anything.
//
// Objects are all of them. Reconcile creates those that a cluster lacks and puts back rules and subjects that somebody took away. It
// never takes any away itself, and it leaves alone what is annotated rbac.authorization.kubernetes.io/autoupdate=false.
//
// Names and rules are upstream's, for the kinds that are served here. admin, edit and view have no rules of their own: a controller
// fills them from all roles with the labels that they name, of which those called system:aggregate-to-* are only the first.
//
// Invariant: testdata/ shows every role as it is. A rule that goes missing shows in a diff of those files.
package bootstrap
