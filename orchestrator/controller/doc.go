// Package controller is what all control loops of the cluster have in common; each loop has a folder below.
//
// A controller watches objects by shared informers, turns what it sees into keys of one kind, and brings the cluster nearer to
// what an object of that key asks for: one sync(key) at a time for each key, again and again until it returns nil. It keeps no
// state of its own that it could not find again, so that another process can take over at any moment.
//
// Read Loop first, then Env. Whoever creates or deletes pods uses Pods, which owns, adopts and releases them, and Expectations,
// which keep a controller from doing twice what its informer has not shown it yet.
//
// A controller imports this package and client libraries, never another controller; package manager joins them.
package controller
