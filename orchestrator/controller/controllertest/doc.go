// Package controllertest gives the tests of controllers a fake apiserver, a fake clock and the Env that joins them.
//
// Read Cluster first. A test either drives a controller's sync by hand, with Refresh in the place of the informers' watches, or
// lets it run for real with Start. The first way is exact and has no goroutines; the second shows that the handlers are right.
//
// It refuses to imitate the apiserver's rules: there is no validation, no admission, and finalizers hold nothing back.
package controllertest
